// What tells a person who looks elsewhere that something is new: the page's title, a notification, a
// sound, and events for the page. Nothing here waits for animation frames, which hidden tabs do not
// have.
import type { Client, MessageEntry } from "@parley-chat/client";
import type { Desk } from "../desk/desk.ts";
import { load, moreNow } from "../lazy/load.ts";
import { title } from "./title.ts";

/** The parts of one element. */
export class Attention {
  /** Unread messages in rooms that are not muted. */
  total = 0;

  #desk: Desk;
  #client: Client;
  #ends: (() => void)[] = [];
  #told = "";

  constructor(desk: Desk) {
    this.#desk = desk;
    this.#client = desk.client;
    const count = () => this.#count();
    this.#ends.push(
      desk.client.rooms.subscribe(count),
      desk.prefs.subscribe(count),
      desk.client.onEntry((room, entry) => {
        if (entry.type === "message") this.#message(room, entry);
      }),
    );
    count();
  }

  end(): void {
    for (const end of this.#ends.splice(0)) end();
    title.set(this.#desk, 0);
  }

  /** Whether a person may be looking at the page now. */
  static get looks(): boolean {
    return document.visibilityState === "visible" && document.hasFocus();
  }

  #count(): void {
    const { muted } = this.#desk.prefs.getSnapshot();
    const unread = this.#client.rooms.getSnapshot().rooms.filter((room) => room.unread > 0);
    const rooms = Object.fromEntries(unread.map(({ id, unread }) => [id, unread]));
    this.total = unread.reduce((sum, room) => sum + (muted.includes(room.id) ? 0 : room.unread), 0);
    title.set(this.#desk, this.total);
    const told = JSON.stringify([this.total, rooms]);
    if (told === this.#told) return;
    this.#told = told;
    this.#desk.emit("parley-unread", { total: this.total, rooms });
  }

  #message(room: string, entry: MessageEntry): void {
    this.#desk.emit("parley-message", { room, message: entry });
    const { me } = this.#client.getSnapshot();
    const { muted, notify, sound } = this.#desk.prefs.getSnapshot();
    const mine = entry.author.id === me?.id;
    if (mine || entry.silent || entry.deleted_at || muted.includes(room) || Attention.looks) return;
    if (!sound && !notify) return;
    void load().then(() => {
      const more = moreNow();
      if (sound) more?.chime();
      if (notify) more?.notify(this.#desk, room, entry);
    });
  }
}

export const attend = (desk: Desk): Attention => new Attention(desk);
