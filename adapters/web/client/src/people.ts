// What is known of users. Signals and marks have ids only; names come with entries and presence, the
// rest is asked for.
import type { Author, Profile } from "./protocol.ts";

const HELD = 5_000; // people
const ASKED = 100; // ids at once, as many as the service takes
const AGAIN_AFTER = 60_000; // ms: where more are shown than are held, they are not asked for in a circle

/** A user as they are shown. It is the same object until something of it has changed. */
export interface Person {
  readonly id: string;
  /** The display name; the id where there is none, or until it is known. */
  readonly name: string;
  /** Where a picture is: an https address, or one relative to the application's. */
  readonly avatar: string | undefined;
  /** The application's own. */
  readonly custom: Readonly<Record<string, unknown>>;
}

/** The service's answer to who they are: those it knows, and those who did not fit. */
export interface Told {
  readonly users: readonly Profile[];
  readonly rest?: readonly string[];
}

interface Held {
  readonly person_: Person;
  /** Of the service's profile; 0 where only the name is known, from entries. */
  readonly v_: number;
}

const NOTHING = {};

export class People {
  #held = new Map<string, Held>();
  #strangers = new Map<string, Person>(); // shown, and not known
  #asked = new Set<string>(); // on this connection
  #clearedAt = 0;
  #due = new Set<string>();
  #ask: (ids: string[]) => Promise<Told>;
  #changed: () => void;

  /** `ask` may reject: then those users are asked about again when somebody wants to see them. */
  constructor(ask: (ids: string[]) => Promise<Told>, changed: () => void) {
    this.#ask = ask;
    this.#changed = changed;
  }

  /** The display name, or the id until it is known. */
  name_(user: string): string {
    const held = this.#held.get(user);
    if (!held || held.v_ > 0) this.#want(user);
    return held?.person_.name ?? user;
  }

  person_(user: string): Person {
    this.#want(user);
    const held = this.#held.get(user);
    if (held) return held.person_;
    const stranger = this.#strangers.get(user) ?? { id: user, name: user, avatar: undefined, custom: NOTHING };
    put(this.#strangers, user, stranger);
    return stranger;
  }

  /** Takes a name that came with something else. What was asked for is newer. */
  learn_({ id, name }: Author): void {
    const held = this.#held.get(id);
    if (!name || held?.v_ || held?.person_.name === name) return;
    this.#hold({ id, name, avatar: undefined, custom: NOTHING }, 0);
  }

  /** Takes a profile. */
  take_({ id, name, avatar, custom = NOTHING, v }: Profile): void {
    if (v <= (this.#held.get(id)?.v_ ?? 0)) return;
    this.#hold({ id, name: name || id, avatar, custom }, v);
    this.#strangers.delete(id);
  }

  // What is shown already stays the same object.
  #hold(person: Person, v: number): void {
    const shown = this.#held.get(person.id)?.person_ ?? this.#strangers.get(person.id);
    put(this.#held, person.id, { person_: JSON.stringify(shown) === JSON.stringify(person) ? shown! : person, v_: v });
  }

  /** There is a new connection, which has to be asked again: it tells what changes since. */
  forgetAsked_(): void {
    this.#asked.clear();
  }

  #want(user: string): void {
    if (this.#due.has(user) || this.#asked.has(user) || !this.#mayAsk()) return;
    this.#due.add(user);
    if (this.#due.size === 1) queueMicrotask(() => void this.#flush()); // a page of them is one question
  }

  #mayAsk(): boolean {
    if (this.#asked.size + this.#due.size < HELD) return true;
    if (Date.now() < this.#clearedAt + AGAIN_AFTER) return false;
    this.#clearedAt = Date.now();
    this.#asked.clear();
    return true;
  }

  async #flush(): Promise<void> {
    const due = [...this.#due];
    this.#due.clear();
    while (due.length > 0) {
      const ids = due.splice(0, ASKED);
      for (const id of ids) this.#asked.add(id);
      try {
        const { users, rest = [] } = await this.#ask(ids);
        for (const user of users) this.take_(user);
        if (rest.length < ids.length) due.push(...rest);
        this.#changed();
      } catch {
        for (const id of ids) this.#asked.delete(id);
      }
    }
  }
}

function put<T>(map: Map<string, T>, key: string, value: T): void {
  if (map.size >= HELD && !map.has(key)) map.delete(map.keys().next().value!);
  map.set(key, value);
}
