// A storage that outlives the page.
import { memoryStorage, type Storage } from "./storage.ts";

const STORE = "kept";

const done = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

/**
 * Keeps all in an IndexedDB of that name, which tabs of one origin share. Give each user one of their
 * own where several sign in on a device. Where the browser lets a page keep nothing, each call
 * rejects: a client goes on in memory.
 */
export function indexedDBStorage(name = "parley"): Storage {
  let opened: Promise<IDBDatabase> | undefined;
  const open = () => (opened ??= (async () => {
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    const database = await done(request);
    database.onversionchange = () => database.close();
    database.onclose = () => (opened = undefined);
    return database;
  })().catch((error) => {
    opened = undefined; // perhaps the next time
    throw error;
  }));
  const kept = async (mode: IDBTransactionMode) => (await open()).transaction(STORE, mode).objectStore(STORE);
  const write = async (act: (store: IDBObjectStore) => void) => {
    const store = await kept("readwrite");
    act(store);
    // A request that succeeded may be undone yet: only the transaction's end says that it is kept.
    await new Promise<void>((resolve, reject) => {
      store.transaction.oncomplete = () => resolve();
      store.transaction.onabort = () => reject(store.transaction.error);
    });
  };
  const alone = memoryStorage().lock;
  return {
    get: async (key) => done((await kept("readonly")).get(key)),
    set: (key, value) => write((store) => store.put(value, key)),
    delete: (key) => write((store) => store.delete(key)),
    list: async (prefix) => {
      const range = IDBKeyRange.bound(prefix, `${prefix}\uffff`);
      const store = await kept("readonly");
      const [keys, values] = await Promise.all([done(store.getAllKeys(range)), done(store.getAll(range))]);
      return keys.map((key, i) => [String(key), values[i]]);
    },
    // Where there are no locks between tabs, or a page may not have them, those of one tab must do:
    // keys keep sends from doubling.
    lock: async (lock, act) => {
      let began = false;
      const begin = () => {
        began = true;
        return act();
      };
      try {
        return await (navigator.locks.request(`${name}/${lock}`, begin) as ReturnType<typeof act>);
      } catch (thrown) {
        if (began) throw thrown;
        return alone(lock, act);
      }
    },
  };
}
