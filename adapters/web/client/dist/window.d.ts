import { type ParleyError } from "./errors.js";
import type { Item, Message } from "./message.js";
import { Observable } from "./observable.js";
import type { Item as Outgoing } from "./outbox.js";
import { type Author, type Entry, type Page } from "./protocol.js";
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
    readonly loading: {
        readonly older: boolean;
        readonly newer: boolean;
    };
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
    page_(ask: {
        before?: number;
        after?: number;
        limit: number;
    }, take: (page: Page, since: readonly Entry[]) => void): Promise<void>;
    closed_(window: Window): void;
}
export declare class Window extends Observable<WindowSnapshot> {
    #private;
    constructor(source: WindowSource, { around, size, keep }?: WindowOptions);
    /** Shows another place: forgets what there is and loads the pages around it. */
    goTo(around: number | "unread" | "end"): Promise<void>;
    /** Loads a page before what there is. Resolves when it is there, or failed: see `error`. */
    older(): Promise<void>;
    /** Loads a page behind what there is, until it is live again. */
    newer(): Promise<void>;
    /** Holds nothing any more, and does not go on. */
    close(): void;
    /** The message at `seq`, where it is loaded. */
    message(seq: number): Message | undefined;
}
