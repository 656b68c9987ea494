import { type ParleyError } from "./errors.js";
import type { Host } from "./host.js";
import { Observable } from "./observable.js";
import type { Room } from "./room.js";
import type { RoomSnapshot } from "./snapshot.js";
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
export declare class RoomList extends Observable<RoomsSnapshot> {
    #private;
    constructor(host: Host, room: (id: string) => Room);
    /** Loads the next page. */
    more(): Promise<void>;
    /**
     * Lists a room that I look at, and follows it. The service lists it by itself once I have read or
     * said something there. Rejects if there is no such room, or I may not see it.
     */
    open(id: string): Promise<void>;
}
