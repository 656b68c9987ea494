// What a room is besides its messages, folded from entries and signals.
import { changed, toMessage, withSlot, type Message } from "./message.ts";
import {
  isChange, type Author, type Entry, type Frame, type MemberEntry, type MessageEntry, type Role, type RoomView, type SetEntry, type Slot,
} from "./protocol.ts";

/** A user's place in a room: a role, or a ban. */
export interface Member {
  readonly user: string;
  readonly role?: Role;
  readonly banned?: boolean;
}

export const TYPING_LASTS = 6_000; // ms after the last sign of it
const MOST_UNREAD = 999; // "so many or more", as the service counts
const MOST_PRESENT = 1_000;

export class RoomState {
  name = "";
  topic: string | undefined;
  avatar: string | undefined;
  custom: Readonly<Record<string, unknown>> = {};
  sets: readonly Slot[] = [];
  public = true;
  archived = false;
  role: Role | undefined;
  /** My read mark. */
  read = 0;
  last: Message | undefined;
  activeAt: string | undefined;
  /** Undefined until they are loaded. */
  members: ReadonlyMap<string, Member> | undefined;
  pins: readonly Message[] | undefined;
  /** Who is there, id to name; `total` may be more in a crowd. */
  presence_: { readonly users: ReadonlyMap<string, string>; readonly total: number } = { users: new Map(), total: 0 };
  marks: ReadonlyMap<string, number> = new Map();
  /** Who types now, but me. */
  typists_: readonly string[] = [];
  /** `unread` may be wrong, and more: the service has to be asked. */
  stale_ = true;

  #me: () => string;
  #typing = new Map<string, number>(); // user → until when, epoch ms
  #unread = 0; // as the service counted it, up to #countedTo
  #countedTo = 0;
  #news: number[] = []; // messages of others behind that, and behind my mark

  constructor(me: () => string) {
    this.#me = me;
  }

  get unread(): number {
    return Math.min(this.#unread + this.#news.length, MOST_UNREAD);
  }

  /** Takes over how the service shows the room. */
  describe_(view: RoomView): void {
    Object.assign(this, { name: view.name, topic: view.topic, avatar: view.avatar, public: view.public, archived: view.archived });
    this.role = view.role ?? this.role;
    if (view.custom) this.custom = view.custom;
    this.activeAt = later(this.activeAt, view.active_at ?? view.last?.at ?? view.created_at);
    if (view.last && view.last.seq >= (this.last?.seq ?? 0)) this.last = toMessage(view.last, this.#me());
    if (view.read < this.read) return; // older than what was marked since
    this.read = view.read;
    this.#unread = view.unread;
    this.#countedTo = view.head;
    this.#news = this.#news.filter((seq) => seq > view.head && seq > view.read);
    this.stale_ = false;
  }

  /** Applies an entry: it is behind all that were applied before, or repeats one of them. */
  apply_(entry: Entry): void {
    this.activeAt = later(this.activeAt, entry.at);
    this.#stopped(entry.author.id);
    if (isChange(entry)) {
      if (this.last?.seq === entry.target) this.last = changed(this.last, entry, this.#me());
      this.pins = this.pins?.map((pin) => (pin.seq === entry.target ? changed(pin, entry, this.#me()) : pin)).filter((pin) => pin.pinned);
      if (entry.type === "deleted") this.#uncount(entry.target);
      return;
    }
    switch (entry.type) {
      case "message":
        return this.#message(entry);
      case "member":
        return this.#member(entry);
      case "room":
        return this.#room(entry.change, entry.name);
      case "set":
        return this.#set(entry);
    }
  }

  /** A message is pinned that was not. */
  pin_(message: Message): void {
    if (this.pins) this.pins = [message, ...this.pins.filter(({ seq }) => seq !== message.seq)];
  }

  /** I have read up to there. */
  mark_(seq: number): void {
    if (seq <= this.read) return;
    this.read = seq;
    this.#news = this.#news.filter((one) => one > seq);
    if (this.#unread > 0 && seq < this.#countedTo) this.stale_ = true;
    else this.#unread = 0;
  }

  /** Takes a signal; returns whether it knew it. */
  signal_({ type, user, on, online, seq }: Frame, now = Date.now()): boolean {
    switch (type) {
      case "typing":
        if (user === this.#me()) return true;
        if (on) this.#started(user, now + TYPING_LASTS);
        else this.#stopped(user);
        return true;
      case "presence":
        this.#presence(user, online);
        return true;
      case "read":
        if (user === this.#me()) this.mark_(seq);
        else if (seq > (this.marks.get(user) ?? 0)) this.marks = new Map(this.marks).set(user, seq);
        return true;
      default:
        return false;
    }
  }

  arrive_(users: readonly Author[], total: number): void {
    this.presence_ = { users: new Map(users.map(({ id, name }) => [id, name])), total };
  }

  /** Signals end with the connection: nobody knows who is there, or typing. */
  silence_(): void {
    this.#typing.clear();
    this.typists_ = [];
    this.arrive_([], 0);
  }

  /** Drops who has stopped typing. Returns when to look again, in ms, or Infinity. */
  expire_(now = Date.now()): number {
    for (const [user, until] of this.#typing) if (until <= now) this.#stopped(user);
    return Math.min(...this.#typing.values()) - now;
  }

  #message(entry: MessageEntry): void {
    if (entry.seq >= (this.last?.seq ?? 0)) this.last = toMessage(entry, this.#me());
    const news = entry.author.id !== this.#me() && !entry.silent && !entry.deleted_at;
    const counted = entry.seq <= this.#countedTo || entry.seq <= this.read || entry.seq <= (this.#news.at(-1) ?? 0);
    if (news && !counted && this.#news.length < MOST_UNREAD) this.#news.push(entry.seq);
  }

  #uncount(seq: number): void {
    const at = this.#news.indexOf(seq);
    if (at >= 0) this.#news.splice(at, 1);
    else if (this.#unread > 0 && seq > this.read && seq <= this.#countedTo) this.stale_ = true;
  }

  #member({ user, change, role }: MemberEntry): void {
    if (user === this.#me() && role) this.role = role;
    if (!this.members) return;
    const members = new Map(this.members);
    if (change === "left") members.delete(user);
    else members.set(user, change === "banned" ? { user, banned: true } : { user, ...(role && { role }) });
    this.members = members;
  }

  #room(change: string, name: string | undefined): void {
    switch (change) {
      case "renamed": this.name = name ?? ""; break;
      case "published": this.public = true; break;
      case "hidden": this.public = false; break;
      case "archived": this.archived = true; break;
      case "unarchived": this.archived = false; break;
    }
  }

  #set({ set, slot, data }: SetEntry): void {
    switch (set) {
      case "room.topic":
        this.topic = data as string | undefined;
        break;
      case "room.avatar":
        this.avatar = data as string | undefined;
        break;
      case "room.custom": {
        const { [slot]: _, ...others } = this.custom;
        this.custom = data === undefined || data === null ? others : { ...others, [slot]: data };
        break;
      }
      default:
        this.sets = withSlot(this.sets, { set, slot, data });
    }
  }

  #presence(user: string, online: boolean): void {
    const { users: before, total } = this.presence_;
    if (online === before.has(user)) return;
    const users = new Map(before);
    if (!online) users.delete(user);
    else if (users.size < MOST_PRESENT) users.set(user, user);
    this.presence_ = { users, total: Math.max(0, total + (online ? 1 : -1)) };
    if (!online) this.#stopped(user);
  }

  #started(user: string, until: number): void {
    this.#typing.set(user, until);
    if (!this.typists_.includes(user)) this.typists_ = [...this.typists_, user];
  }

  #stopped(user: string): void {
    if (this.#typing.delete(user)) this.typists_ = this.typists_.filter((one) => one !== user);
  }
}

export const later = (a: string | undefined, b: string | undefined): string | undefined => (!a || (b && b > a) ? b : a);
