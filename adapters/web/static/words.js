// What people read: errors, states and times in words.
import { Reason, State } from "./connection.js";

const ERRORS = {
  unauthenticated: "Your token is not valid any more. Sign in again.",
  forbidden: "You may not do that here.",
  not_found: "There is no such room or message, or you may not see it.",
  conflict: "That is not possible any more.",
  rate_limited: "That was too much at once. Wait a moment.",
  unavailable: "The service cannot store anything right now. Try again in a moment.",
  left: "You are no longer in this room.",
  unanswered: "Not connected: that could not be sent.",
};

/** An error in words; details that the service gave are kept where they help. */
export function explain(error) {
  const known = ERRORS[error.code];
  if ((error.code === "conflict" || error.code === "left") && error.message) return `${known} (${error.message})`;
  if (known) return known;
  return error.message ? `That did not work: ${error.message}` : "That did not work.";
}

export const STOPPED = {
  [Reason.token]: "Your token is no longer accepted. Please sign in again.",
  [Reason.banned]: "You were disconnected by an administrator.",
  [Reason.protocol]: "The service and this page do not understand each other. Reload the page.",
};

/** The state of a connection in a few words. */
export function connectionWords({ state, reason }) {
  switch (state) {
    case State.open: return "Connected";
    case State.connecting: return "Connecting…";
    case State.waiting: return navigator.onLine ? "Connection lost" : "You are offline";
    default: return STOPPED[reason] ?? "Signed out";
  }
}

/** The same in a word. */
export const SHORT = {
  [State.open]: "Connected",
  [State.connecting]: "Connecting…",
  [State.waiting]: "Offline",
  [State.stopped]: "Stopped",
};

const time = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const longDay = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "long", year: "numeric" });

export const clock = (at) => time.format(at);
export const moment = (at) => full.format(at);

export const sameDay = (a, b) => a.toDateString() === b.toDateString();

export function day(at, now = new Date()) {
  const ago = (days) => new Date(now.getFullYear(), now.getMonth(), now.getDate() - days);
  if (sameDay(at, now)) return "Today";
  if (sameDay(at, ago(1))) return "Yesterday";
  return at > ago(180) ? weekday.format(at) : longDay.format(at);
}

/** "A", "A and B", "A, B and C", "A, B and 3 others". */
export function list(names, most = 3) {
  if (names.length <= 1) return names.join("");
  if (names.length > most) return `${names.slice(0, most - 1).join(", ")} and ${names.length - most + 1} others`;
  return `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

const ROLES = { read: "a reader", write: "a writer", moderate: "a moderator" };
const ROOM_CHANGES = {
  published: "made this room public",
  hidden: "made this room private",
  archived: "archived this room",
  unarchived: "opened this room again",
};

/** A member or room entry as a line. `name` gives a user's display name. */
export function event(item, name) {
  const who = item.author.name;
  const self = item.user === item.author.id;
  if (item.type === "room") {
    if (item.change === "renamed") return `${who} named this room “${item.name}”`;
    return `${who} ${ROOM_CHANGES[item.change] ?? `changed this room: ${item.change}`}`;
  }
  const whom = name(item.user);
  switch (item.change) {
    case "joined": return self ? `${who} joined` : `${who} added ${whom}`;
    case "left": return self ? `${who} left` : `${who} removed ${whom}`;
    case "role": return `${who} made ${whom} ${ROLES[item.role] ?? item.role}`;
    case "banned": return `${who} banned ${whom}`;
    default: return `${who}: ${whom} ${item.change}`;
  }
}
