// What a timeline shows, folded from entries. All that is here is immutable: a change makes another.
import type { ParleyError } from "./errors.ts";
import type {
  Author, Change, Entry, MemberEntry, MessageEntry, Pin, Reaction, RoomEntry, SetEntry, Slot,
} from "./protocol.ts";
import type { SendState } from "./outbox.ts";

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

const NONE: readonly never[] = [];

export function toMessage(entry: MessageEntry, me: string): Message {
  const { key, author, seq } = entry;
  return {
    type: "message",
    id: key !== undefined && author.id === me ? `k${key}` : `s${seq}`,
    seq,
    at: entry.at,
    author,
    via: entry.via,
    body: entry.body ?? "",
    key,
    replyTo: entry.reply_to,
    meta: entry.meta,
    silent: Boolean(entry.silent),
    editedAt: entry.edited_at,
    deletedAt: entry.deleted_at,
    reactions: entry.reactions ?? NONE,
    sets: entry.sets ?? NONE,
    pinned: entry.pinned,
    state: "sent",
    error: undefined,
    failed: undefined,
  };
}

/** What the entry shows in a timeline, or nothing: changes show in what they change. */
export function toItem(entry: Entry, me: string): Item | undefined {
  switch (entry.type) {
    case "message":
      return toMessage(entry, me);
    case "member":
    case "room":
      return entry;
    default:
      return undefined;
  }
}

/** The message after the change. */
export function changed(message: Message, entry: Change, me: string): Message {
  switch (entry.type) {
    case "edited":
      // Without a body the message was deleted since; that entry is on its way.
      if (message.deletedAt || entry.body === undefined) return message;
      return { ...message, body: entry.body, editedAt: entry.at };
    case "deleted":
      return deleted(message, entry.at);
    case "reacted": {
      const { emoji, count, removed } = entry;
      const mine = entry.author.id === me ? !removed : undefined;
      return { ...message, reactions: reacted(message.reactions, emoji, () => count, mine) };
    }
    case "set":
      return set(message, entry);
  }
}

export function deleted(message: Message, at: string): Message {
  return { ...message, body: "", meta: undefined, sets: NONE, pinned: undefined, deletedAt: message.deletedAt ?? at };
}

/** The reactions, one emoji having another count; `mine` says whether I am among them, if that is known. */
export function reacted(
  all: readonly Reaction[], emoji: string, count: (before: number) => number, mine: boolean | undefined,
): readonly Reaction[] {
  const at = all.findIndex((reaction) => reaction.emoji === emoji);
  const before = all[at];
  const now = { emoji, count: count(before?.count ?? 0), me: mine ?? Boolean(before?.me) };
  if (now.count <= 0) return at < 0 ? all : all.toSpliced(at, 1);
  return at < 0 ? [...all, now] : all.with(at, now);
}

function set(message: Message, entry: SetEntry): Message {
  if (message.deletedAt) return message;
  if (entry.set === "pinned") return { ...message, pinned: (entry.data ?? undefined) as Pin | undefined };
  return { ...message, sets: withSlot(message.sets, entry) };
}

/** The slots after the entry; without data a slot is gone. */
export function withSlot(slots: readonly Slot[], { set, slot, data }: { set: string; slot: string; data?: unknown }): readonly Slot[] {
  const others = slots.filter((one) => one.set !== set || one.slot !== slot);
  return data === undefined || data === null ? others : [...others, { set, slot, data }];
}
