// What the browser keeps. It may keep nothing: then all counts until the page ends.

/** A text under a name in a storage of the browser. */
export class Kept {
  #name: string;
  #storage: () => Storage;
  #now: string | null = null; // where there is no storage

  constructor(name: string, storage: () => Storage) {
    this.#name = name;
    this.#storage = storage;
  }

  get(): string | null {
    try {
      return this.#storage().getItem(this.#name);
    } catch {
      return this.#now;
    }
  }

  set(text: string): void {
    this.#now = text;
    try {
      this.#storage().setItem(this.#name, text);
    } catch { /* full, or there is none */ }
  }

  clear(): void {
    this.#now = null;
    try {
      this.#storage().removeItem(this.#name);
    } catch { /* there is none */ }
  }
}

/** For all tabs, until it is cleared. */
export const inBrowser = (name: string): Kept => new Kept(name, () => localStorage);

/** For this tab, until it is closed. */
export const inTab = (name: string): Kept => new Kept(name, () => sessionStorage);
