import type { Message, WindowOptions, WindowSnapshot } from "@parley-chat/client";
export interface Messages extends WindowSnapshot {
    /** Loads a page before what there is. */
    older(): Promise<void>;
    /** Loads a page behind what there is, until it is live again. */
    newer(): Promise<void>;
    /** Shows another place. */
    goTo(around: number | "unread" | "end"): Promise<void>;
    /** The message at `seq`, where it is loaded. */
    message(seq: number): Message | undefined;
}
/**
 * Pages of a room's messages either side of a place, the end unless `around` says otherwise. The
 * window is open while the component is shown; another room or other options open another one.
 */
export declare function useMessages(room: string, { around, size, keep }?: WindowOptions): Messages;
