// Which rooms are followed: a connection may have joined so many at once, and somebody may have more.
import type { Room } from "./room.ts";

const UNTOLD = 100; // rooms, where the service does not say how many
const LISTED = 0.8; // of them at most are followed for the list: one that is opened finds a place

export class Following {
  #used = new Set<Room>(); // those that the application has, the last used behind
  #followed = new Set<Room>();
  #listed: () => readonly Room[];
  #limit = UNTOLD;

  /** `listed` gives the rooms of the list, the latest first. */
  constructor(listed: () => readonly Room[]) {
    this.#listed = listed;
  }

  /** The application uses it: it is followed from now on. */
  use_(room: Room): void {
    this.#used.delete(room);
    this.#used.add(room);
    if (!this.#followed.has(room)) this.choose_();
  }

  has_(room: Room): boolean {
    return this.#followed.has(room);
  }

  /** It is no room of this client any more. */
  forget_(room: Room): void {
    this.#used.delete(room);
    this.#followed.delete(room);
  }

  /** There is a new connection, which may follow so many. */
  begin_(limit: number | undefined): void {
    this.#limit = limit ?? UNTOLD;
    this.choose_();
    for (const room of this.#followed) room.join_();
  }

  /** Chooses anew: the last used, what is looked at, what else was used, what moved last. */
  choose_(): void {
    const used = [...this.#used].reverse();
    const listed = this.#listed().slice(0, Math.floor(this.#limit * LISTED));
    const ranked = new Set([...used.slice(0, 1), ...used.filter((room) => room.inUse_), ...used, ...listed]);
    const chosen = new Set([...ranked].slice(0, this.#limit));
    const before = this.#followed;
    this.#followed = chosen;
    // What is left makes place for what is joined.
    for (const room of before) if (!chosen.has(room)) room.rest_();
    for (const room of chosen) if (!before.has(room)) room.join_();
  }
}
