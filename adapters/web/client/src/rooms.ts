// The list of my rooms, those first in which something happened last.
import { asError, type ParleyError } from "./errors.ts";
import type { Host } from "./host.ts";
import { Observable } from "./observable.ts";
import type { RoomView } from "./protocol.ts";
import type { Room } from "./room.ts";
import type { RoomSnapshot } from "./snapshot.ts";

export interface RoomsSnapshot {
  readonly rooms: readonly RoomSnapshot[];
  /** There are more: see `more()`. */
  readonly hasMore: boolean;
  readonly loading: boolean;
  /** The first page is there. */
  readonly ready: boolean;
  /** Why the last load failed. */
  readonly error: ParleyError | undefined;
}

const PAGE = 50;
const LIVE = 100; // rooms that are followed; what is behind them is as it was when it was loaded

export class RoomList {
  #host: Host;
  #room: (id: string) => Room;
  #listed = new Map<string, Room>();
  #view = new Observable<RoomsSnapshot>(() => this.#snapshot());
  #next: string | undefined;
  #load: Promise<void> | undefined;
  #ready = false;
  #error: ParleyError | undefined;

  constructor(host: Host, room: (id: string) => Room) {
    this.#host = host;
    this.#room = room;
  }

  readonly subscribe = this.#view.subscribe;
  readonly getSnapshot = this.#view.getSnapshot;

  /** Resolves with the first snapshot, from now on, of which `holds` is true. */
  until(holds: (snapshot: RoomsSnapshot) => boolean): Promise<RoomsSnapshot> {
    return this.#view.until(holds);
  }

  /** Loads the next page. */
  more(): Promise<void> {
    return this.#next === undefined ? Promise.resolve() : this.#page(this.#next);
  }

  /** @internal Loads the first page: at first, and after each connection. */
  load(): Promise<void> {
    return this.#page(undefined);
  }

  /** @internal I am in a room now that may not be listed. */
  async add(id: string): Promise<void> {
    try {
      this.#take(await this.#host.http.ask("GET", `v1/rooms/${encodeURIComponent(id)}`));
    } catch { /* it is listed with the next page, if it is mine still */ }
    this.#view.changed();
  }

  /** @internal I am in that room no longer. */
  remove(id: string): void {
    if (this.#listed.delete(id)) this.#view.changed();
  }

  /** @internal */
  touch(room: Room): void {
    if (this.#listed.has(room.id)) this.#view.changed();
  }

  /** @internal The service has another log. */
  reset(): void {
    this.#listed.clear();
    this.#next = undefined;
    this.#ready = false;
  }

  #page(cursor: string | undefined): Promise<void> {
    return (this.#load ??= this.#fetch(cursor).finally(() => {
      this.#load = undefined;
      this.#view.changed();
    }));
  }

  async #fetch(cursor: string | undefined): Promise<void> {
    this.#error = undefined;
    this.#view.changed();
    const active = this.#host.features.has("room_list");
    const query = active ? { sort: "active", cursor, limit: PAGE } : { after: cursor, limit: PAGE };
    try {
      const page = await this.#host.http.ask("GET", "v1/rooms", { query });
      for (const view of page.rooms as RoomView[]) this.#take(view);
      // What is loaded anew is the first page: those behind it were asked for already.
      if (cursor !== undefined || !this.#ready) this.#next = page.next;
      this.#ready = true;
    } catch (thrown) {
      this.#error = asError(thrown);
    }
  }

  #take(view: RoomView): void {
    const room = this.#room(view.room);
    this.#listed.set(view.room, room);
    room.describe(view);
    if (this.#listed.size <= LIVE) room.join();
  }

  #snapshot(): RoomsSnapshot {
    const rooms = [...this.#listed.values()].map((room) => room.getSnapshot());
    rooms.sort((a, b) => compare(b.activeAt ?? "", a.activeAt ?? "") || compare(a.id, b.id));
    return { rooms, hasMore: this.#next !== undefined, loading: this.#load !== undefined, ready: this.#ready, error: this.#error };
  }
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
