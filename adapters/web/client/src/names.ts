// What users are called. Signals and marks have ids only; names come with entries and presence, or
// are asked for.
import type { Author } from "./protocol.ts";

const HELD = 2_000; // names
const ASKED = 100; // ids at once, as many as the service takes

export class Names {
  #names = new Map<string, string>();
  #asked = new Set<string>(); // of whom the service knows no name, or has yet to say
  #due = new Set<string>();
  #ask: (ids: string[]) => Promise<readonly Partial<Author>[]>;
  #changed: () => void;

  /** `ask` may reject: then those users are asked about again when somebody wants their names. */
  constructor(ask: (ids: string[]) => Promise<readonly Partial<Author>[]>, changed: () => void) {
    this.#ask = ask;
    this.#changed = changed;
  }

  /** The display name, or the id until it is known. */
  get(user: string): string {
    const name = this.#names.get(user);
    if (name === undefined && !this.#asked.has(user) && !this.#due.has(user)) {
      this.#due.add(user);
      if (this.#due.size === 1) queueMicrotask(() => void this.#flush()); // a page of them is one question
    }
    return name ?? user;
  }

  learn({ id, name }: Partial<Author>): void {
    if (!id || !name || this.#names.get(id) === name) return;
    if (this.#names.size >= HELD) this.#names.delete(this.#names.keys().next().value!);
    this.#names.set(id, name);
  }

  /** There is a new connection: who was unknown may be known there. */
  forgetAsked(): void {
    this.#asked.clear();
  }

  async #flush(): Promise<void> {
    const due = [...this.#due];
    this.#due.clear();
    if (this.#asked.size >= HELD) this.#asked.clear();
    for (let at = 0; at < due.length; at += ASKED) {
      const ids = due.slice(at, at + ASKED).filter((id) => !this.#names.has(id));
      if (ids.length === 0) continue;
      for (const id of ids) this.#asked.add(id);
      try {
        for (const user of await this.#ask(ids)) this.learn(user);
        this.#changed();
      } catch {
        for (const id of ids) this.#asked.delete(id);
      }
    }
  }
}
