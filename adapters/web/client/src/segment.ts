// A part of a room's log: the entries from `oldest` to `newest`, without holes. Changes set values, so
// a segment that began anywhere shows the same as one that saw everything.
import { changed, toItem, type Item } from "./message.ts";
import type { Change, Entry } from "./protocol.ts";

export class Segment {
  /** What it shows, ascending. Replaced or changed in place; snapshots copy it. */
  items: Item[] = [];
  /** The first entry that it has. */
  oldest = 1;
  /** The last entry that it has; `oldest - 1` while it has none. */
  newest = 0;
  /** Counts how often it began: an answer for an earlier life of it is dropped. */
  life = 0;

  #me: () => string;

  constructor(me: () => string) {
    this.#me = me;
  }

  /** Forgets everything; `from` is the first entry of what will come. */
  begin(from: number): void {
    this.items = [];
    this.oldest = from;
    this.newest = from - 1;
    this.life++;
  }

  /** The stream's next entry, or one of an unknown type. Returns whether it went on here. */
  append(entry: Entry): boolean {
    if (entry.seq !== this.newest + 1) return false;
    this.newest = entry.seq;
    const item = toItem(entry, this.#me());
    if (item) this.items.push(item);
    return true;
  }

  /** A page of entries that lie directly before `oldest`. */
  prepend(entries: readonly Entry[], more: boolean): void {
    const older = entries.filter(({ seq }) => seq < this.oldest);
    this.items.unshift(...this.#items(older));
    this.oldest = more && older.length > 0 ? older[0]!.seq : more ? this.oldest : 1;
  }

  /** A page of entries that lie directly behind `newest`; `upTo` is the last entry that it tells of. */
  extend(entries: readonly Entry[], upTo: number): void {
    this.items.push(...this.#items(entries.filter(({ seq }) => seq > this.newest)));
    this.newest = Math.max(this.newest, upTo);
  }

  /** Returns whether the change concerns what is shown here. */
  change(entry: Change): boolean {
    const at = this.find(entry.target);
    const item = this.items[at];
    if (item?.type !== "message") return false;
    this.items[at] = changed(item, entry, this.#me());
    return true;
  }

  /** Keeps the newest `count` items. */
  dropOldest(count: number): void {
    if (this.items.length <= count) return;
    this.items.splice(0, this.items.length - count);
    this.oldest = this.items[0]!.seq;
  }

  /** Keeps the oldest `count` items. */
  dropNewest(count: number): void {
    if (this.items.length <= count) return;
    this.newest = this.items[count]!.seq - 1;
    this.items.length = count;
  }

  /** The index of the item at `seq`, or -1. */
  find(seq: number): number {
    let low = 0;
    let high = this.items.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const found = this.items[middle]!.seq;
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
