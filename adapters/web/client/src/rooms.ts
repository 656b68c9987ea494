// The list of my rooms, those first in which something happened last. Most are followed, and tell by
// themselves what happens; the service is asked from time to time what happened in the others.
import { asError, type ParleyError } from "./errors.ts";
import type { Host } from "./host.ts";
import { Observable } from "./observable.ts";
import type { RoomView } from "./protocol.ts";
import type { Room } from "./room.ts";
import type { RoomSnapshot } from "./snapshot.ts";
import { Timers } from "./timing.ts";

export interface RoomsSnapshot {
  /** Until the first page is there, those in which something of mine is unsent. */
  readonly rooms: readonly RoomSnapshot[];
  /** There are more: see `more()`. */
  readonly hasMore: boolean;
  readonly loading: boolean;
  /** The first page is there. */
  readonly ready: boolean;
  /** A part of the service's store is away: rooms in it are as they were, or missing for now. */
  readonly lacking: boolean;
  /** Why the last load failed. */
  readonly error: ParleyError | undefined;
}

const PAGE = 50;
const LOOK_EVERY = 30_000; // ms
const LOOK_PAGES = 20;
const AT_ONCE = 8; // requests
const OVERLAP = 60_000; // ms: so much the clocks of the service's nodes may differ

interface ListPage {
  readonly rooms: readonly RoomView[];
  readonly next?: string;
  readonly lacking?: boolean;
}

export class RoomList extends Observable<RoomsSnapshot> {
  #host: Host;
  #room: (id: string) => Room;
  #listed = new Map<string, Room>();
  #timers = new Timers<"look">();
  #next: string | undefined;
  #lookedTo: number | undefined; // when the latest was active at the last look, epoch ms of the service
  #turn: string | undefined; // where the turn through those that are not followed goes on
  #load: Promise<void> | undefined;
  #ready = false;
  #lacking = false;
  #error: ParleyError | undefined;

  constructor(host: Host, room: (id: string) => Room) {
    super();
    this.#host = host;
    this.#room = room;
  }

  /** Loads the next page. */
  async more(): Promise<void> {
    const cursor = this.#next;
    if (cursor !== undefined) await this.#once(async () => {
      const { rooms, next } = await this.#ask(cursor);
      this.#take(rooms);
      this.#next = next;
    });
  }

  /**
   * Lists a room that I look at, and follows it. The service lists it by itself once I have read or
   * said something there. Rejects if there is no such room, or I may not see it.
   */
  async open(id: string): Promise<void> {
    const path = `v1/rooms/${encodeURIComponent(id)}`;
    const view = await this.#host.http_.ask_("GET", path);
    const room = this.#room(id);
    const known = view.last || room.getSnapshot().last?.seq || !view.head;
    const page = known ? undefined : await this.#host.http_.ask_("GET", `${path}/entries`, { query: { limit: 1, only: "messages" } }).catch(() => undefined);
    this.#take([page?.entries?.length ? { ...view, last: page.entries.at(-1) } : view]);
    if (this.#host.follows_(room)) room.join_(); // once more, if it was refused
    this.changed_();
  }

  /** @internal Loads the first page, and what has moved: at first, and after each connection. */
  load_(): Promise<void> {
    return this.#once(() => this.#look());
  }

  /** @internal Those that are listed, the latest first. */
  get latest_(): readonly Room[] {
    return this.getSnapshot().rooms.map(({ id }) => this.#listed.get(id)!);
  }

  /** @internal I am in a room now, as it seems, that may not be listed. */
  add_(id: string): Promise<unknown> {
    return this.open(id).catch((thrown) => asError(thrown).retryable || this.remove_(id)); // or it is listed with the next page
  }

  /** @internal I have said or done something there, so the service lists it. */
  mine_(room: Room): void {
    if (this.#listed.has(room.id) || !this.#ready) return;
    this.#listed.set(room.id, room);
    this.changed_();
    void this.add_(room.id);
  }

  /** @internal Something of mine waits there. */
  unsent_(id: string): void {
    if (this.#ready) return;
    this.#listed.set(id, this.#room(id));
    this.changed_();
  }

  /** @internal I am in that room no longer. */
  remove_(id: string): void {
    if (this.#listed.delete(id)) this.changed_();
  }

  /** @internal */
  touch_(room: Room): void {
    if (this.#listed.has(room.id)) this.changed_();
  }

  /** @internal The service has another log. */
  reset_(): void {
    this.#listed.clear();
    this.#next = this.#lookedTo = this.#turn = undefined;
    this.#ready = false;
    this.changed_(); // what was shown are rooms that are not there any more
  }

  /** @internal */
  destroy_(): void {
    this.#timers.clear_();
  }

  // One load at a time.
  #once(load: () => Promise<void>): Promise<void> {
    return (this.#load ??= this.#tried(load));
  }

  async #tried(load: () => Promise<void>): Promise<void> {
    this.#error = undefined;
    this.changed_();
    try {
      await load();
    } catch (thrown) {
      this.#error = asError(thrown);
    }
    this.#load = undefined;
    this.changed_();
    this.#plan();
  }

  // What has moved stands before what has not. The pages behind the first were asked for already, or
  // will be.
  async #look(): Promise<void> {
    const before = this.#lookedTo;
    let latest: number | undefined;
    let lacks: boolean | undefined;
    for (let pages = 0, cursor: string | undefined; pages < LOOK_PAGES; pages++) {
      const { rooms, next, lacking } = await this.#ask(cursor);
      lacks ||= lacking;
      this.#take(rooms);
      if (!this.#ready) {
        this.#next = next;
        // Those that were listed for what is unsent are mine, or not any more. They may be many.
        const others = [...this.#listed.keys()].filter((id) => !rooms.some(({ room }) => room === id)).values();
        for (let n = AT_ONCE; n--; ) void (async () => { for (const id of others) if (this.#listed.has(id)) await this.add_(id); })();
      }
      this.#ready = true;
      latest ??= activeAt(rooms[0]);
      cursor = next;
      if (cursor === undefined || before === undefined || activeAt(rooms.at(-1))! < before - OVERLAP) break;
    }
    this.#lacking = Boolean(lacks);
    this.#lookedTo = lacks ? before : (latest ?? before); // what is missing may have moved
  }

  // What somebody reads on another device moves no room: those that are not followed are asked for in
  // turn, a page at a time.
  async #lookInTurn(): Promise<void> {
    const at = this.#turn;
    this.#turn = undefined;
    const { rooms, next } = await this.#ask(at);
    this.#take(rooms.filter(({ room }) => this.#listed.has(room)));
    this.#turn = next;
  }

  #plan(): void {
    const resting = [...this.#listed.values()].some((room) => !this.#host.follows_(room));
    if (!this.#host.open_ || !this.#host.features_.has("room_list") || !(resting || this.#next !== undefined || this.#lacking)) return;
    this.#timers.set_("look", LOOK_EVERY, () => {
      if (this.#host.open_) void this.#once(async () => { // otherwise the next connection looks
        await this.#look();
        if (resting) await this.#lookInTurn();
      });
    });
  }

  #ask(cursor: string | undefined): Promise<ListPage> {
    const active = this.#host.features_.has("room_list");
    const query = active ? { sort: "active", cursor, limit: PAGE } : { after: cursor, limit: PAGE };
    return this.#host.http_.ask_("GET", "v1/rooms", { query });
  }

  #take(views: readonly RoomView[]): void {
    for (const view of views) {
      const room = this.#room(view.room);
      // The stream of a room that is followed knows more.
      if (!this.#listed.has(view.room) || !room.getSnapshot().joined) room.describe_(view);
      this.#listed.set(view.room, room);
    }
    this.changed_();
    this.#host.listed_();
  }

  /** @internal */
  override show_(): RoomsSnapshot {
    const rooms = [...this.#listed.values()].map((room) => room.getSnapshot());
    rooms.sort((a, b) => compare(b.activeAt ?? "", a.activeAt ?? "") || compare(a.id, b.id));
    return { rooms, hasMore: this.#next !== undefined, loading: this.#load !== undefined, ready: this.#ready, lacking: this.#lacking, error: this.#error };
  }
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const activeAt = (view: RoomView | undefined): number | undefined => Date.parse(view?.active_at ?? "") || undefined;
