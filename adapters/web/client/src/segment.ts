// A part of a room's log: the entries from `oldest` to `newest`, without holes. Changes set values, so
// a segment that began anywhere shows the same as one that saw everything.
import { changed, toItem, type Item } from "./message.ts";
import type { Change, Entry } from "./protocol.ts";

export class Segment {
  /** What it shows, ascending. Replaced or changed in place; snapshots copy it. */
  items_: Item[] = [];
  /** The first entry that it has. */
  oldest_ = 1;
  /** The last entry that it has; `oldest - 1` while it has none. */
  newest_ = 0;
  /** Counts how often it began: an answer for an earlier life of it is dropped. */
  life_ = 0;

  #me: () => string;

  constructor(me: () => string) {
    this.#me = me;
  }

  /** Forgets everything; `from` is the first entry of what will come. */
  begin_(from: number): void {
    this.items_ = [];
    this.oldest_ = from;
    this.newest_ = from - 1;
    this.life_++;
  }

  /** The stream's next entry, or one of an unknown type. Returns whether it went on here. */
  append_(entry: Entry): boolean {
    if (entry.seq !== this.newest_ + 1) return false;
    this.newest_ = entry.seq;
    const item = toItem(entry, this.#me());
    if (item) this.items_.push(item);
    return true;
  }

  /** A page of entries that lie directly before `oldest`. */
  prepend_(entries: readonly Entry[], more: boolean): void {
    const older = entries.filter(({ seq }) => seq < this.oldest_);
    this.items_.unshift(...this.#items(older));
    this.oldest_ = more && older.length > 0 ? older[0]!.seq : more ? this.oldest_ : 1;
  }

  /** A page of entries that lie directly behind `newest`; `upTo` is the last entry that it tells of. */
  extend_(entries: readonly Entry[], upTo: number): void {
    this.items_.push(...this.#items(entries.filter(({ seq }) => seq > this.newest_)));
    this.newest_ = Math.max(this.newest_, upTo);
  }

  /** Returns whether the change concerns what is shown here. */
  change_(entry: Change): boolean {
    const at = this.find_(entry.target);
    const item = this.items_[at];
    if (item?.type !== "message") return false;
    this.items_[at] = changed(item, entry, this.#me());
    return true;
  }

  /** Keeps the newest `count` items. */
  dropOldest_(count: number): void {
    if (this.items_.length <= count) return;
    this.items_.splice(0, this.items_.length - count);
    this.oldest_ = this.items_[0]!.seq;
  }

  /** Keeps the oldest `count` items. */
  dropNewest_(count: number): void {
    if (this.items_.length <= count) return;
    this.newest_ = this.items_[count]!.seq - 1;
    this.items_.length = count;
  }

  /** The index of the item at `seq`, or -1. */
  find_(seq: number): number {
    let low = 0;
    let high = this.items_.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const found = this.items_[middle]!.seq;
      if (found === seq) return middle;
      if (found < seq) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }

  #items(entries: readonly Entry[]): Item[] {
    const me = this.#me();
    return entries.map((entry) => toItem(entry, me)).filter((item) => item !== undefined);
  }
}
