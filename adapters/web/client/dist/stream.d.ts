import { ParleyError } from "./errors.js";
import type { Command, Entry, JoinOk, Ok, Page } from "./protocol.js";
/** What a stream needs of the connection. */
export interface Line {
    /** Commands are taken. */
    readonly open: boolean;
    readonly destroyed: boolean;
    request(command: Command, take?: (ok: Ok) => void): Promise<Ok>;
    tell(command: Command): void;
}
export interface StreamCallbacks {
    /**
     * The room is joined; entries follow. `how`: it began, it goes on behind the cursor, or there is a
     * hole before what comes, of which history has the rest.
     */
    onEnter(ok: JoinOk, how: "began" | "resumed" | "jumped", failed: boolean): void;
    /** The same, once commands may be sent. */
    onEntered(): void;
    /** The next entry, each once. */
    onEntry(entry: Entry): void;
    /** The cursor is of another history. */
    onAhead(): void;
    /** `joined` or `error` has changed. */
    onChanged(): void;
}
export declare class Stream {
    #private;
    /** The last entry that came; -1 where nothing is known of the log. */
    cursor: number;
    joined: boolean;
    /** Why it is not joined. */
    error: ParleyError | undefined;
    constructor(room: string, line: Line, on: StreamCallbacks);
    join(): void;
    /** Resolves once it is joined; rejects if it cannot be, or the client was destroyed. */
    ready(): Promise<void>;
    /** Takes an entry that the socket brought. */
    receive(entry: Entry): void;
    /** The connection is gone; the next one joins again. */
    interrupted(): void;
    /** It is followed no longer, until the next `join`. */
    rest(): void;
    /** The service follows it no longer. */
    left(error: ParleyError): void;
    /** Knows nothing of the log any more. */
    reset(): void;
    destroy(): void;
    /**
     * Asks for history until it is answered. `take` gets the page before any frame behind it, with the
     * entries that came since it was asked for: the page may be older than they are.
     */
    page(ask: object, take: (page: Page, since: readonly Entry[]) => void): Promise<void>;
    /** Notes the entries that come from now on, until `end`. */
    record(): {
        readonly since: readonly Entry[];
        end(): void;
    };
}
