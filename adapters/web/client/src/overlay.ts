// What the outbox holds, laid over what the log says: a reader sees their own doing at once.
import { deleted, reacted, type Item, type Message } from "./message.ts";
import type { Item as Outgoing } from "./outbox.ts";
import type { Author } from "./protocol.ts";

/** The items with my changes that are on their way, or failed. */
export function overlaid(items: readonly Item[], outgoing: readonly Outgoing[], find: (seq: number) => number, me: Author): readonly Item[] {
  const changes = outgoing.filter(({ command }) => command.type !== "send");
  if (changes.length === 0) return items;
  const shown = [...items];
  for (const change of changes) {
    const at = find(change.command["seq"] as number);
    const message = shown[at];
    if (message?.type === "message") shown[at] = tried(message, change, me);
  }
  return shown;
}

/** My messages that are not in the log yet. One that is sent again may be among the items. */
export function unsent(outgoing: readonly Outgoing[], items: readonly Item[], me: Author): Message[] {
  const there = new Set(outgoing.length > 0 ? items.map((item) => item.type === "message" && item.id) : []);
  return outgoing.filter(({ command, key }) => command.type === "send" && !there.has(`k${key}`)).map((item) => ({
    type: "message",
    id: `k${item.key}`,
    seq: 0,
    at: item.at,
    author: me,
    via: undefined,
    body: (item.command["body"] as string).trimEnd(),
    key: item.key,
    replyTo: item.command["reply_to"] as number | undefined,
    meta: item.command["meta"] as Message["meta"],
    silent: Boolean(item.command["silent"]),
    editedAt: undefined,
    deletedAt: undefined,
    reactions: [],
    sets: [],
    pinned: undefined,
    state: item.state,
    error: item.error,
    failed: item.state === "failed" ? item.key : undefined,
  }));
}

// A change that failed is not shown; that it failed is.
function tried(message: Message, { key, state, error, command, at }: Outgoing, me: Author): Message {
  if (state === "failed") return { ...message, state, error, failed: key };
  const now = message.state === "failed" ? message : { ...message, state: "sending" as const };
  switch (command.type) {
    case "edit":
      return message.deletedAt ? message : { ...now, body: (command["body"] as string).trimEnd(), editedAt: at };
    case "delete":
      return deleted(now, at);
    case "pin":
      return { ...now, pinned: { by: me.id } };
    case "unpin":
      return { ...now, pinned: undefined };
    case "react": {
      const emoji = command["emoji"] as string;
      const mine = !command["remove"];
      if (mine === Boolean(message.reactions.find((one) => one.emoji === emoji)?.me)) return now;
      return { ...now, reactions: reacted(message.reactions, emoji, (count) => count + (mine ? 1 : -1), mine) };
    }
    default:
      return now;
  }
}
