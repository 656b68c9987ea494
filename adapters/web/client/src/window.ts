// Pages of a room either side of a place in it, of which both ends load and unload.
import { asError, type ParleyError } from "./errors.ts";
import type { Item, Message } from "./message.ts";
import { Observable } from "./observable.ts";
import type { Item as Outgoing } from "./outbox.ts";
import { overlaid, unsent } from "./overlay.ts";
import { isChange, type Author, type Entry, type Page } from "./protocol.ts";
import { Segment } from "./segment.ts";

export interface WindowOptions {
  /** An entry's `seq`; the first that is unread, or else the end; or the end. */
  readonly around?: number | "unread" | "end";
  /** How many items a page should have, 50 unless given; at most 200. */
  readonly size?: number;
  /** How many items are held at most: what is far from where one reads is let go. 4 pages unless given. */
  readonly keep?: number;
}

export interface WindowSnapshot {
  /**
   * Ascending; at a live end followed by my messages that are not in the log yet, which are all there
   * is before the first page. It is the same array until something of it is another.
   */
  readonly items: readonly Item[];
  readonly hasOlder: boolean;
  readonly hasNewer: boolean;
  /** It ends where the room ends, and goes on with it. */
  readonly live: boolean;
  /** The first pages are there. */
  readonly ready: boolean;
  readonly loading: { readonly older: boolean; readonly newer: boolean };
  /** Where my read mark stood when it was opened with `unread`: what is new stands behind it. 0: nothing. */
  readonly divider: number;
  /** Why the last load failed. */
  readonly error: ParleyError | undefined;
}

/** What a window needs of its room. */
export interface WindowSource {
  me_(): Author;
  /** The last entry that the stream brought. */
  readonly cursor_: number;
  readonly read_: number;
  outgoing_(): readonly Outgoing[];
  /** Resolves once the room is joined; rejects if it cannot be. */
  ready_(): Promise<void>;
  /**
   * Asks for history until it is answered. `take` gets the page before any frame behind it, with the
   * entries that the stream brought while it was on its way: the page may be older than they are.
   */
  page_(ask: { before?: number; after?: number; limit: number }, take: (page: Page, since: readonly Entry[]) => void): Promise<void>;
  closed_(window: Window): void;
}

type End = "older" | "newer";

const SIZE = 50;
const LARGEST = 200; // what the service gives at once
const PAGES = 20; // of one load: where nothing but changes comes, it ends there

export class Window extends Observable<WindowSnapshot> {
  #source: WindowSource;
  #segment: Segment;
  #size: number;
  #keep: number;
  #loads: { older?: Promise<void>; newer?: Promise<void> } = {};
  #reads: End = "newer"; // the end at which the reader is
  #follows = false; // opened at the end, and never left it
  #ready = false;
  #divider = 0;
  #error: ParleyError | undefined;
  #shown: { readonly end: boolean; readonly items: readonly Item[] } | undefined; // until they are others

  constructor(source: WindowSource, { around = "end", size = SIZE, keep = 4 * size }: WindowOptions = {}) {
    super();
    this.#source = source;
    this.#size = Math.min(Math.max(size, 1), LARGEST);
    this.#keep = Math.max(keep, 2 * this.#size);
    this.#segment = new Segment(() => source.me_().id);
    void this.goTo(around);
  }

  /** Shows another place: forgets what there is and loads the pages around it. */
  async goTo(around: number | "unread" | "end"): Promise<void> {
    const life = ++this.#segment.life_;
    this.#ready = false;
    this.#loads = {};
    try {
      await this.#source.ready_();
    } catch (thrown) {
      this.#error = asError(thrown);
      this.changed_();
      return;
    }
    if (life !== this.#segment.life_) return; // sent elsewhere meanwhile
    const { cursor_: cursor, read_: read } = this.#source;
    this.#divider = around === "unread" && read < cursor ? read : 0;
    if (around === "unread") around = read < cursor ? read + 1 : "end";
    this.#follows = around === "end";
    this.#reads = "newer";
    const from = around === "end" ? cursor + 1 : Math.min(Math.max(1, around), cursor + 1);
    this.#segment.begin_(from);
    const begun = this.#segment.life_;
    const half = around === "end" ? 0 : Math.ceil(this.#size / 2);
    if (half) await this.#load("newer", half);
    if (this.#segment.life_ === begun) await this.#load("older", this.#size - half);
    if (this.#segment.life_ !== begun) return;
    this.#ready = true;
    this.changed_();
  }

  /** Loads a page before what there is. Resolves when it is there, or failed: see `error`. */
  older(): Promise<void> {
    this.#reads = "older";
    this.#follows = false;
    return this.#load("older", this.#size);
  }

  /** Loads a page behind what there is, until it is live again. */
  newer(): Promise<void> {
    this.#reads = "newer";
    return this.#load("newer", this.#size);
  }

  /** Holds nothing any more, and does not go on. */
  close(): void {
    this.#segment.life_++;
    this.#source.closed_(this);
  }

  /** The message at `seq`, where it is loaded. */
  message(seq: number): Message | undefined {
    const item = this.#segment.items_[this.#segment.find_(seq)];
    return item?.type === "message" ? item : undefined;
  }

  // ─── told by the room ───

  /** @internal The stream's next entry, after the room has applied it. */
  take_(entry: Entry): void {
    const segment = this.#segment;
    const wasLive = segment.newest_ === entry.seq - 1;
    const full = this.#reads === "older" && segment.items_.length >= this.#keep;
    const goesOn = !full && segment.append_(entry);
    // A little is let go at a time: to let go one item each time would cost all of them.
    if (goesOn && segment.items_.length > this.#keep * 1.25) segment.dropOldest_(this.#keep);
    const shows = isChange(entry) ? segment.change_(entry) : goesOn;
    if (shows) this.#shown = undefined;
    if (shows || (wasLive && !goesOn)) this.changed_();
  }

  /** @internal What is shown beside the log has changed. */
  touch_(): void {
    this.#shown = undefined;
    this.changed_();
  }

  /** @internal The stream went on behind a hole; `anew`: the room has another history. */
  interrupt_(anew: boolean): void {
    if (anew || this.#follows) void this.goTo("end");
    else this.changed_();
  }

  #load(end: End, least: number): Promise<void> {
    return (this.#loads[end] ??= this.#fill(end, least, this.#segment.life_));
  }

  async #fill(end: End, least: number, life: number): Promise<void> {
    const segment = this.#segment;
    const enough = segment.items_.length + least;
    const current = () => segment.life_ === life;
    this.#error = undefined;
    this.changed_();
    try {
      for (let pages = 0; pages < PAGES && current() && this.#has(end) && segment.items_.length < enough; pages++) {
        const ask = end === "older" ? { before: segment.oldest_ } : { after: segment.newest_ };
        const limit = Math.min(least * 2 ** pages, LARGEST); // where much is changes, there is much to read
        await this.#source.page_({ ...ask, limit }, (page, since) => current() && this.#put(end, page, since));
      }
      if (!current()) return;
      if (end === "older") segment.dropNewest_(this.#keep);
      else segment.dropOldest_(this.#keep);
    } catch (thrown) {
      if (current()) this.#error = asError(thrown);
    } finally {
      if (current()) delete this.#loads[end];
      this.#shown = undefined;
      this.changed_();
    }
  }

  #has(end: End): boolean {
    return end === "older" ? this.#segment.oldest_ > 1 : this.#segment.newest_ < this.#source.cursor_;
  }

  #put(end: End, { entries, more, head }: Page, since: readonly Entry[]): void {
    if (end === "older") this.#segment.prepend_(entries, more);
    else this.#segment.extend_(entries, more ? (entries.at(-1)?.seq ?? 0) : head);
    for (const entry of since) {
      if (end === "newer") this.#segment.append_(entry);
      if (isChange(entry)) this.#segment.change_(entry);
    }
  }

  /** @internal */
  override show_(): WindowSnapshot {
    const live = this.#ready && !this.#has("newer");
    // Where nothing is known of the room, or nothing of it is there yet, what is unsent is all there is.
    const end = live || this.#source.cursor_ < 0 || (!this.#ready && !this.#segment.items_.length);
    if (this.#shown?.end !== end) this.#shown = { end, items: this.#items(end) };
    return {
      items: this.#shown.items,
      hasOlder: this.#has("older"),
      hasNewer: this.#has("newer"),
      live,
      ready: this.#ready,
      loading: { older: Boolean(this.#loads.older), newer: Boolean(this.#loads.newer) },
      divider: this.#divider,
      error: this.#error,
    };
  }

  #items(end: boolean): readonly Item[] {
    const segment = this.#segment;
    const [outgoing, me] = [this.#source.outgoing_(), this.#source.me_()];
    const items = overlaid(segment.items_, outgoing, (seq) => segment.find_(seq), me);
    return end ? [...items, ...unsent(outgoing, items, me)] : items === segment.items_ ? [...items] : items;
  }
}
