// Where a client keeps what must outlive it: unsent commands, and how far its readers are.

/**
 * A small store of values that structured cloning can copy. Several clients, in several tabs, may use
 * one at the same time. What it rejects is taken as not kept: the client goes on in memory.
 */
export interface Storage {
  get(key: string): Promise<unknown>;
  set(key: string, value: unknown): Promise<void>;
  delete(key: string): Promise<void>;
  /** All values whose keys begin with the prefix, in the order of their keys. */
  list(prefix: string): Promise<[key: string, value: unknown][]>;
  /** Runs `act` while nobody else who uses this storage runs one of the same name. */
  lock<T>(name: string, act: () => Promise<T>): Promise<T>;
}

/** Keeps all in memory: what a client has without another storage. Clients may share one. */
export function memoryStorage(): Storage {
  const values = new Map<string, unknown>();
  const last = new Map<string, Promise<unknown>>();
  return {
    get: async (key) => values.get(key),
    set: async (key, value) => void values.set(key, structuredClone(value)),
    delete: async (key) => void values.delete(key),
    list: async (prefix) => [...values].filter(([key]) => key.startsWith(prefix)).sort(([a], [b]) => (a < b ? -1 : 1)),
    lock: (name, act) => {
      const turn = (last.get(name) ?? Promise.resolve()).then(act, act);
      const done = turn.catch(() => {}).then(() => {
        if (last.get(name) === done) last.delete(name);
      });
      last.set(name, done);
      return turn;
    },
  };
}
