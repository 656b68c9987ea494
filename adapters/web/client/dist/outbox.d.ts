import { ParleyError } from "./errors.js";
import type { Command, Ok } from "./protocol.js";
import type { Storage } from "./storage.js";
/**
 * `sending`: waits for its turn or is on its way. `sent`: durable; its entry is still to come.
 * `failed`: the service said no, see `error`; it stays until it is retried or discarded.
 */
export type SendState = "sending" | "sent" | "failed";
/** What becomes of a command in the end. */
export interface Outcome {
    readonly state: "sent" | "failed" | "discarded";
    /** The entry's place in the log; 0 where nothing had to be stored. */
    readonly seq?: number;
    readonly error?: ParleyError;
}
/** A command in the outbox. It is replaced when it changes. */
export interface Item {
    /** Names it, here and as the key of a message. */
    readonly key: string;
    readonly room: string;
    /** What the room was called. */
    readonly name?: string | undefined;
    readonly command: Command;
    /** When it was made, by this machine's clock. */
    readonly at: string;
    readonly state: SendState;
    readonly seq?: number;
    readonly error?: ParleyError;
}
export interface OutboxParts {
    readonly storage_: Storage;
    request_(command: Command, take: (ok: Ok) => void): Promise<Ok>;
    /** Whether the room's log is known up to that entry, or nobody follows the room. */
    applied_(room: string, seq: number): boolean;
    /** What waits there is another. */
    changed_(room: string): void;
}
/**
 * A key that begins with the time, as stores then put keys of the same time together; 53 bits are random. It is of
 * 19 characters at most, as it is stored twice. crypto.randomUUID is missing where a page does not come by https.
 */
export declare const newKey: () => string;
export declare class Outbox {
    #private;
    constructor(parts: OutboxParts, user?: string);
    in_(room: string): readonly Item[];
    /** Those in which something waits; one may come several times. */
    get rooms_(): string[];
    /**
     * Takes a command. It is sent when those before it in its room are, and kept until then. Of a
     * message whose key is here already there is no second one, unless the first failed.
     */
    add_(room: string, command: Command, key?: string, name?: string): {
        readonly item: Item;
        readonly outcome: Promise<Outcome>;
    };
    retry_(room: string, key: string): void;
    /** Forgets a command. One that is on its way may take effect all the same. */
    discard_(room: string, key: string): void;
    /** The log has applied the entry: what waited for it is done. */
    seen_(room: string, seq: number, mine: boolean, key?: string): void;
    /** Takes up what is kept for the user, to show it: it is sent once this is open. */
    recall_(user: string): Promise<void>;
    /** Connected, as this user and to this log: what is kept for them is taken up, and sent. */
    open_(user: string, log: string): Promise<void>;
    /** Not connected: nothing is sent. */
    close_(): void;
    /** Sends what waits in the room, one after the other. */
    flush_(room: string): Promise<void>;
}
