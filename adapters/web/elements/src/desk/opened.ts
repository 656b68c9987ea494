// Rooms that somebody opened and has not read in: the service does not list those by itself. They stay
// in the list of this browser until they are left.
import type { Room } from "@parley-chat/client";
import { isGone, type Desk } from "./desk.ts";
import { keep, kept } from "./prefs.ts";

const MOST = 20;

const here = new WeakSet<Room>(); // those that are listed by what is noted here

export class Opened {
  #desk: Desk;

  constructor(desk: Desk) {
    this.#desk = desk;
  }

  /** Lists a room that is opened. */
  async list(id: string, again = false): Promise<void> {
    const { client } = this.#desk;
    const { rooms } = await client.rooms.until(({ ready }) => ready);
    const listed = rooms.some((room) => room.id === id);
    const room = client.peek(id);
    if (listed) {
      if (again && !here.has(room)) this.forget(id); // the service lists it
      return;
    }
    try {
      await client.room(id).ready(); // one that nobody has written in is there once it is joined
      await client.rooms.open(id);
      here.add(room);
      this.#note(id, room.getSnapshot().read === 0);
    } catch (thrown) {
      if (isGone(thrown)) this.forget(id);
    }
  }

  /** Lists those that were opened before. */
  again(): void {
    for (const id of this.#ids.reverse()) void this.list(id, true);
  }

  forget(id: string): void {
    this.#note(id, false);
  }

  #note(id: string, on: boolean): void {
    const others = this.#ids.filter((one) => one !== id);
    const ids = on ? [id, ...others].slice(0, MOST) : others;
    keep(this.#key, ids.length ? ids : undefined);
  }

  get #ids(): string[] {
    const found = kept(this.#key);
    return Array.isArray(found) ? found.filter((id) => typeof id === "string") : [];
  }

  get #key(): string {
    return `parley.opened ${this.#desk.url} ${this.#desk.client.getSnapshot().me?.id}`;
  }
}
