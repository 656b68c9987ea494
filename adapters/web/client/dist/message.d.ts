import type { ParleyError } from "./errors.js";
import type { Author, Change, Entry, MemberEntry, MessageEntry, Pin, Reaction, RoomEntry, Slot } from "./protocol.js";
import type { SendState } from "./outbox.js";
/** A message in its present form. */
export interface Message {
    readonly type: "message";
    /** Stays the same while an own message is sent and becomes an entry: a key for lists. */
    readonly id: string;
    /** Its place in the room; 0 of one that is not in the log yet. */
    readonly seq: number;
    /** When it was recorded, RFC 3339 in UTC; of one that is not in the log yet, when it was made. */
    readonly at: string;
    readonly author: Author;
    readonly via: string | undefined;
    /** Empty once it was deleted. */
    readonly body: string;
    readonly key: string | undefined;
    readonly replyTo: number | undefined;
    readonly meta: Readonly<Record<string, unknown>> | undefined;
    readonly silent: boolean;
    readonly editedAt: string | undefined;
    readonly deletedAt: string | undefined;
    readonly reactions: readonly Reaction[];
    readonly sets: readonly Slot[];
    readonly pinned: Pin | undefined;
    /** Of the message, or of a change of mine that is shown already. */
    readonly state: SendState;
    /** Why it failed. */
    readonly error: ParleyError | undefined;
    /** Names what failed, for `retry` and `discard`. */
    readonly failed: string | undefined;
}
/** What a timeline shows: messages, and what became of members and of the room. */
export type Item = Message | MemberEntry | RoomEntry;
export declare function toMessage(entry: MessageEntry, me: string): Message;
/** What the entry shows in a timeline, or nothing: changes show in what they change. */
export declare function toItem(entry: Entry, me: string): Item | undefined;
/** The message after the change. */
export declare function changed(message: Message, entry: Change, me: string): Message;
export declare function deleted(message: Message, at: string): Message;
/** The reactions, one emoji having another count; `mine` says whether I am among them, if that is known. */
export declare function reacted(all: readonly Reaction[], emoji: string, count: (before: number) => number, mine: boolean | undefined): readonly Reaction[];
/** The slots after the entry; without data a slot is gone. */
export declare function withSlot(slots: readonly Slot[], { set, slot, data }: {
    set: string;
    slot: string;
    data?: unknown;
}): readonly Slot[];
