import type { Host } from "./host.js";
import { type Message } from "./message.js";
import { Observable } from "./observable.js";
import { Reader, type ReaderOptions } from "./reader.js";
import type { RoomSnapshot, Sending, SendOptions } from "./snapshot.js";
import { Window, type WindowOptions } from "./window.js";
/** Made by `client.room(id)`, once for each id. */
export declare class Room extends Observable<RoomSnapshot> {
    #private;
    readonly id: string;
    constructor(id: string, host: Host);
    /** The newest messages, live. It is made at first use. */
    get messages(): Window;
    /** Pages either side of a place. Close it when it is not shown any more. */
    window(options?: WindowOptions): Window;
    /** The log's entries, each once and in order, of the types that this library knows. */
    entries(options?: ReaderOptions): Reader;
    /** Resolves once the room is joined; rejects if it cannot be, or the client was destroyed. */
    ready(): Promise<void>;
    /** The message at `seq` in its present form, or nothing where there is none. */
    message(seq: number): Promise<Message | undefined>;
    /** The first entry of that time or later, or the last one there is. It takes some 15 questions. */
    seqAt(date: Date): Promise<number>;
    /**
     * Who reacts to a message, by emoji, in the order in which they began. It is read from the log: of
     * a reaction that was made long after its message, behind 2,000 more entries, nobody is found.
     */
    reactors(seq: number): Promise<ReadonlyMap<string, readonly string[]>>;
    /** I have read up to the entry, or all that came. */
    markRead(seq?: number): void;
    /** Loads the members, once; then `members` is kept up to date. */
    loadMembers(): Promise<void>;
    /** Loads what is pinned, once; then `pins` is kept up to date. */
    loadPins(): Promise<void>;
    send(body: string, { replyTo, meta, silent, key }?: SendOptions): Sending;
    edit(seq: number, body: string): Sending;
    delete(seq: number): Sending;
    react(seq: number, emoji: string, on?: boolean): Sending;
    pin(seq: number): Sending;
    unpin(seq: number): Sending;
    /** Sets a slot of an application's own type, `x.…`, on a message or the room; null unsets it. */
    set(type: string, data: unknown, { target, slot }?: {
        target?: number;
        slot?: string;
    }): Sending;
    retry(key: string): void;
    discard(key: string): void;
    /** I am typing, or not any more; call it with each key that is pressed. */
    typing(on?: boolean, now?: number): void;
    /** Asks who is there, once; then `present` is kept up to date. A window asks too. */
    watch(): void;
}
