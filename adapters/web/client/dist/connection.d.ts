import { ParleyError } from "./errors.js";
import type { Command, Frame, Ok, Welcome } from "./protocol.js";
import type { Tokens } from "./tokens.js";
/** What this library needs of a WebSocket: that of browsers, of Node from 22 on, and of `ws`. */
export interface Socket {
    onopen: ((event: any) => void) | null;
    onmessage: ((event: any) => void) | null;
    onclose: ((event: any) => void) | null;
    onerror: ((event: any) => void) | null;
    send(text: string): void;
    close(code?: number): void;
}
/**
 * Why a connection does not come back by itself: the application closed it, no token is accepted, an
 * operator sent the user away, this client and the service do not understand each other, it asks for
 * too much, or the tokens are another user's.
 */
export type StopReason = "closed" | "token" | "banned" | "protocol" | "limited" | "user";
/** `error` is why the service refused the last attempts, if it has said so. */
export type Status = {
    readonly state: "open";
} | {
    readonly state: "connecting";
    readonly error?: ParleyError;
} | {
    readonly state: "waiting"; /** When it tries again, epoch ms. */
    readonly retryAt: number;
    readonly error?: ParleyError;
} | {
    readonly state: "stopped";
    readonly reason: StopReason;
    readonly error?: ParleyError;
};
export interface Callbacks {
    /** `status` has changed. */
    onStatus_(): void;
    /** There is a token, with which it connects. */
    onToken_(): void;
    /** Commands may be sent; it comes before all other frames. */
    onWelcome_(welcome: Welcome): void;
    /** A frame that is no answer, in order. */
    onFrame_(frame: Frame): void;
    /** Asks in another way why the service refuses the token; nothing where it does not say. */
    refusal_(token: string): Promise<ParleyError | undefined>;
}
/** Begins with `start`, and lives until `stop` or until the service sends it away for good. */
export declare class Connection {
    #private;
    status_: Status;
    constructor(url: string, tokens: Tokens, dial: (url: string, protocols: string[]) => Socket, on: Callbacks);
    start_(): void;
    stop_(reason?: StopReason): void;
    /**
     * Sends a command; resolves to its `ok`. `take` gets the `ok` at once, before the frames behind it
     * are handled: a promise is resolved too late for that.
     */
    request_(command: Command, take?: (ok: Ok) => void): Promise<Ok>;
    /** Sends a command whose answer nobody waits for; it is dropped while there is no connection. */
    tell_(command: Command): void;
    /**
     * Looks at once whether the connection is alive, or tries at once to get one: for when the network
     * or the user came back.
     */
    wake_(): void;
}
