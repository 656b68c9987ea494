// What this page knows of one room: its log, what of it was read, who is there and who is typing.
import { RoomLog } from "./log.js";

const ROLE_ORDER = ["none", "read", "write", "moderate"];
export const TYPING_LASTS = 6_000; // ms after the last sign of typing

export class Room {
  name = "";
  role = ""; // "" until it is known
  public = true;
  archived = false;
  joined = false;
  error = null; // why it could not be joined
  read = 0; // my read mark
  unread = 0;
  divider = 0; // what stands behind this entry is new to me; 0: nothing is
  loading = false; // a page of history is on its way
  marked = 0; // the read mark that the service knows of
  marking = false; // a read mark is on its way
  people = new Map(); // who is here: id → name
  total = 0; // how many are here; more than `people` in a crowd
  typing = new Map(); // user id → until when, epoch ms

  #me;
  #counted = 0; // `unread` has the messages up to this entry

  constructor(id, me) {
    this.id = id;
    this.#me = me;
    this.log = new RoomLog(me);
    this.known = false; // whether the log has a place to go on from
  }

  get title() {
    return this.name || this.id;
  }

  may(role) {
    return ROLE_ORDER.indexOf(this.role) >= ROLE_ORDER.indexOf(role);
  }

  get writable() {
    return this.joined && !this.archived && this.may("write");
  }

  /** Takes over how the service lists the room. */
  list({ name, public: open, archived, head, role, read, unread }) {
    Object.assign(this, { name: name ?? "", public: open, archived, role: role ?? this.role });
    if (!this.known) {
      this.log.begin(head + 1);
      this.known = true;
    }
    if (read === undefined || read < this.read) return; // an older answer than what was marked since
    this.read = read;
    this.unread = unread + this.log.items.filter((item) => item.seq > head && this.#isNews(item)).length;
    this.#counted = Math.max(head, this.log.cursor);
  }

  /** The service's answer to join. Returns whether the stream goes on where the log ended. */
  enter({ from, role, read, truncated }) {
    this.joined = true;
    this.error = null;
    this.role = role ?? this.role;
    this.read = Math.max(this.read, read ?? 0);
    const on = this.known && from === this.log.cursor + 1;
    if (!on) this.log.begin(from, Boolean(truncated));
    this.known = true;
    return on;
  }

  /** Forgets the log, because the service's is another one. */
  forget() {
    this.known = false;
    this.read = 0;
    this.unread = 0;
    this.divider = 0;
    this.#counted = 0;
    this.log.begin(1);
  }

  /** Applies an entry of the stream; see RoomLog.append. `seen` says that the reader looks at the end of this room. */
  append(entry, seen = false) {
    const how = this.log.append(entry);
    if (how !== "applied") return how;
    this.typing.delete(entry.author.id);
    if (entry.type === "message" && entry.seq > this.#counted && !entry.deleted_at && this.#isNews(entry)) {
      if (!this.unread && !seen) this.divider = entry.seq - 1;
      this.unread++;
    }
    if (entry.type === "member" && entry.user === this.#me && entry.role) this.role = entry.role;
    if (entry.type === "room") this.#set(entry);
    return how;
  }

  /** I read up to the entry. Returns whether that is new. */
  mark(seq) {
    if (seq <= this.read && !this.unread) return false;
    this.read = Math.max(this.read, seq);
    this.unread = this.read >= this.log.cursor ? 0 : this.log.items.filter((item) => this.#isNews(item)).length;
    this.#counted = Math.max(this.#counted, this.log.cursor);
    return true;
  }

  /** Puts the divider where my read mark stands, if the log goes on behind it. */
  divide() {
    this.divider = this.read < this.log.cursor ? this.read : 0;
  }

  typist(user, on, now = Date.now()) {
    if (on) this.typing.set(user, now + TYPING_LASTS);
    else this.typing.delete(user);
  }

  /** Who is typing now. */
  typists(now = Date.now()) {
    for (const [user, until] of this.typing) if (until <= now) this.typing.delete(user);
    return [...this.typing.keys()];
  }

  arrive(user, name) {
    if (!this.people.has(user)) this.total++;
    this.people.set(user, name);
  }

  depart(user) {
    if (this.people.delete(user)) this.total--;
    this.typing.delete(user);
  }

  #isNews({ type, seq, author }) {
    return type === "message" && seq > this.read && author.id !== this.#me;
  }

  #set({ change, name }) {
    switch (change) {
      case "renamed": this.name = name ?? ""; break;
      case "published": this.public = true; break;
      case "hidden": this.public = false; break;
      case "archived": this.archived = true; break;
      case "unarchived": this.archived = false; break;
    }
  }
}
