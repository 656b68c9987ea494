import { type Item } from "./message.js";
import type { Change, Entry } from "./protocol.js";
export declare class Segment {
    #private;
    /** What it shows, ascending. Replaced or changed in place; snapshots copy it. */
    items: Item[];
    /** The first entry that it has. */
    oldest: number;
    /** The last entry that it has; `oldest - 1` while it has none. */
    newest: number;
    /** Counts how often it began: an answer for an earlier life of it is dropped. */
    life: number;
    constructor(me: () => string);
    /** Forgets everything; `from` is the first entry of what will come. */
    begin(from: number): void;
    /** The stream's next entry, or one of an unknown type. Returns whether it went on here. */
    append(entry: Entry): boolean;
    /** A page of entries that lie directly before `oldest`. */
    prepend(entries: readonly Entry[], more: boolean): void;
    /** A page of entries that lie directly behind `newest`; `upTo` is the last entry that it tells of. */
    extend(entries: readonly Entry[], upTo: number): void;
    /** Returns whether the change concerns what is shown here. */
    change(entry: Change): boolean;
    /** Keeps the newest `count` items. */
    dropOldest(count: number): void;
    /** Keeps the oldest `count` items. */
    dropNewest(count: number): void;
    /** The index of the item at `seq`, or -1. */
    find(seq: number): number;
}
