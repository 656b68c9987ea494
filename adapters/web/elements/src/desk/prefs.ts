// What a person chose on this device: it stays in the browser.
import { Store } from "./store.ts";

export interface Prefs {
  readonly sound: boolean;
  readonly notify: boolean;
  readonly muted: readonly string[];
}

const NONE: Prefs = { sound: false, notify: false, muted: [] };

/** What is kept under the key, or nothing: a page may be without a storage. */
export function kept(key: string): unknown {
  try {
    return JSON.parse(localStorage.getItem(key) ?? "null");
  } catch {
    return null;
  }
}

export function keep(key: string, value: unknown): void {
  try {
    if (value === undefined) localStorage.removeItem(key);
    else localStorage.setItem(key, JSON.stringify(value));
  } catch { /* full, or there is none: it counts until the page ends */ }
}

/** The keys under which something is kept, of those that begin so. */
export function keysOf(prefix: string): string[] {
  try {
    return Object.keys(localStorage).filter((key) => key.startsWith(prefix));
  } catch {
    return [];
  }
}

/** The choices for a service. */
export function prefs(url: string): Store<Prefs> {
  const key = `parley.prefs ${url}`;
  const found = kept(key) as Partial<Prefs> | null;
  const store = new Store<Prefs>({
    sound: found?.sound === true,
    notify: found?.notify === true,
    muted: Array.isArray(found?.muted) ? found.muted.filter((room) => typeof room === "string") : NONE.muted,
  });
  store.subscribe(() => keep(key, store.getSnapshot()));
  return store;
}
