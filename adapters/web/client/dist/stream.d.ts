import { ParleyError } from "./errors.js";
import type { Command, Entry, JoinOk, Ok, Page } from "./protocol.js";
/** What a stream needs of the connection. */
export interface Line {
    /** Commands are taken. */
    readonly open_: boolean;
    readonly destroyed_: boolean;
    request_(command: Command, take?: (ok: Ok) => void): Promise<Ok>;
    tell_(command: Command): void;
}
export interface StreamCallbacks {
    /**
     * The room is joined; entries follow. `how`: it began, it goes on behind the cursor, or there is a
     * hole before what comes, of which history has the rest.
     */
    onEnter_(ok: JoinOk, how: "began" | "resumed" | "jumped", failed: boolean): void;
    /** The same, once commands may be sent. */
    onEntered_(): void;
    /** The next entry, each once. */
    onEntry_(entry: Entry): void;
    /** The cursor is of another history. */
    onAhead_(): void;
    /** `joined` or `error` has changed. */
    onChanged_(): void;
}
export declare class Stream {
    #private;
    /** The last entry that came; -1 where nothing is known of the log. */
    cursor_: number;
    joined: boolean;
    /** Why it is not joined. */
    error: ParleyError | undefined;
    constructor(room: string, line: Line, on: StreamCallbacks);
    join_(): void;
    /** Resolves once it is joined; rejects if it cannot be, or the client was destroyed. */
    ready_(): Promise<void>;
    /** Takes an entry that the socket brought. */
    receive_(entry: Entry): void;
    /** The connection is gone; the next one joins again. */
    interrupted_(): void;
    /** It is followed no longer, until the next `join`. */
    rest_(): void;
    /** The service follows it no longer. */
    left_(error: ParleyError): void;
    /** Knows nothing of the log any more. */
    reset_(): void;
    destroy_(): void;
    /**
     * Asks for history until it is answered. `take` gets the page before any frame behind it, with the
     * entries that came since it was asked for: the page may be older than they are.
     */
    page_(ask: object, take: (page: Page, since: readonly Entry[]) => void): Promise<void>;
    /** Notes the entries that come from now on, until `end`. */
    record_(): {
        readonly since: readonly Entry[];
        end(): void;
    };
}
