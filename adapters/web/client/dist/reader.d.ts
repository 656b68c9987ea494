import type { Entry, Page } from "./protocol.js";
import type { Storage } from "./storage.js";
export interface ReaderOptions {
    /** Begins behind this entry; `end`, which is the default, behind the last one there is. */
    readonly after?: number | "end";
    /**
     * Keeps under this name how far the application has come, and goes on there: `after` counts for the
     * first time only. An entry counts as taken when the next one is asked for, so one that was not
     * finished comes again.
     */
    readonly name?: string;
    /** The room has another history: what was read before counts no more, and the first entry is next. */
    readonly onAnotherLog?: () => void;
}
/** What a reader needs of its room. */
export interface ReaderSource {
    readonly user_: string;
    readonly log_: string;
    readonly room_: string;
    readonly cursor_: number;
    readonly storage_: Storage;
    ready_(): Promise<void>;
    page_(ask: {
        after: number;
        limit: number;
    }, take: (page: Page) => void): Promise<void>;
    ended_(reader: Reader): void;
}
export declare class Reader implements AsyncIterableIterator<Entry> {
    #private;
    constructor(source: ReaderSource, options?: ReaderOptions);
    [Symbol.asyncIterator](): this;
    next(): Promise<IteratorResult<Entry, undefined>>;
    return(): Promise<IteratorResult<Entry, undefined>>;
}
