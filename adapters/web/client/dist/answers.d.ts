import type { Frame, Ok } from "./protocol.js";
export declare class Answers {
    #private;
    /** `late` is called when an answer is so long in coming that the connection must be dead. */
    constructor(late: () => void);
    /** Waits for an answer to the frame that `write` sends with the id. */
    await(write: (id: string) => void, take: (ok: Ok) => void): Promise<Ok>;
    /** Takes an `ok` or an `error`. */
    settle(frame: Frame): void;
    /** The connection is gone: nothing that waits is answered any more. */
    abandon(): void;
}
