// A room as it is shown, and what its methods take and give.
import type { ParleyError } from "./errors.ts";
import type { Message } from "./message.ts";
import type { Outcome } from "./outbox.ts";
import type { Role, Slot } from "./protocol.ts";
import type { Member } from "./state.ts";

export interface RoomSnapshot {
  readonly id: string;
  /** Empty where it has none: show the id. */
  readonly name: string;
  readonly topic: string | undefined;
  readonly avatar: string | undefined;
  readonly custom: Readonly<Record<string, unknown>>;
  /** What the application has set on the room, types `x.…`. */
  readonly sets: readonly Slot[];
  readonly public: boolean;
  readonly archived: boolean;
  readonly role: Role | undefined;
  /** The stream of entries runs. */
  readonly joined: boolean;
  /** Why it does not. */
  readonly error: ParleyError | undefined;
  /** The last entry that came. */
  readonly head: number;
  /** My read mark. */
  readonly read: number;
  /** Messages of others behind it; 999 means so many or more. */
  readonly unread: number;
  /** Also one of mine that is not in the log yet, as its `state` says. */
  readonly last: Message | undefined;
  readonly activeAt: string | undefined;
  /** Undefined until `loadMembers`. */
  readonly members: ReadonlyMap<string, Member> | undefined;
  /** The message that was pinned last comes first. Undefined until `loadPins`. */
  readonly pins: readonly Message[] | undefined;
  /** Who is there, id to name; `total` may be more in a crowd. */
  readonly present: { readonly users: ReadonlyMap<string, string>; readonly total: number };
  /** Who types now, but me. */
  readonly typing: readonly string[];
  /** How far others have read. */
  readonly marks: ReadonlyMap<string, number>;
}

/** A command that is on its way. */
export interface Sending {
  /** Names it, for `retry` and `discard`. */
  readonly key: string;
  /** What became of it. It never rejects, and waits as long as there is no connection. */
  readonly outcome: Promise<Outcome>;
}

export interface SendOptions {
  /**
   * Makes it repeatable: of one user there is one message with the key in the room, for ever. 1 to 64
   * characters, none of control. To send again with it gives what became of the first one; one that
   * failed is sent again.
   */
  readonly key?: string;
  readonly replyTo?: number;
  readonly meta?: Readonly<Record<string, unknown>>;
  /** It counts as unread for nobody; moderators may. */
  readonly silent?: boolean;
}
