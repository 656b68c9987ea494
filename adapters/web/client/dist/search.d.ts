import type { Host } from "./host.js";
import { type Message } from "./message.js";
export interface SearchOptions {
    /** Only in this room; without it, in all of mine. */
    readonly room?: string;
    /** In public rooms too; not together with `room`. */
    readonly public?: boolean;
    readonly author?: string;
    /** Made at this time or later, RFC 3339. */
    readonly from?: string;
    /** Made before this time. */
    readonly to?: string;
    readonly has?: "link";
    /** At most so many hits, 1–50; 20 unless given. */
    readonly limit?: number;
    /** The `next` of the page before, with all else as it was. */
    readonly cursor?: string;
}
export interface Hit {
    readonly room: string;
    /** In its present form. */
    readonly message: Message;
    /** Where in the body something is that was asked for, as `slice` takes it. */
    readonly marks: readonly {
        readonly from: number;
        readonly to: number;
    }[];
}
export interface Found {
    /** The newest first. There may be more even where there are none: see `next`. */
    readonly hits: readonly Hit[];
    readonly next: string | undefined;
    /** I have more rooms than were searched. */
    readonly truncated: boolean;
    /** How many entries are so new that they were not searched. */
    readonly behind: number;
}
/** See `client.search`. */
export declare function search(host: Host, q: string, options?: SearchOptions): Promise<Found>;
