// One room: it follows the log, and tells windows, readers and its own state what comes.
import { asError, need, ParleyError } from "./errors.ts";
import type { Host } from "./host.ts";
import { toMessage, type Message } from "./message.ts";
import { Observable } from "./observable.ts";
import { isChange, isKnown, type Author, type Command, type Entry, type Frame, type JoinOk, type RoomView } from "./protocol.ts";
import { Reader, type ReaderOptions } from "./reader.ts";
import { unsent } from "./overlay.ts";
import { later, RoomState, type Member } from "./state.ts";
import type { RoomSnapshot, Sending, SendOptions } from "./snapshot.ts";
import { Stream } from "./stream.ts";
import { backoff, Timers } from "./timing.ts";
import { Window, type WindowOptions } from "./window.ts";

const REFRESH_AFTER = 50; // ms: what makes it wrong often comes in numbers
const TYPING_EVERY = 3_000; // ms
const MOST_MEMBERS = 5_000;
const PINS = 100;
const REACTION_PAGES = 10;

/** Made by `client.room(id)`, once for each id. */
export class Room extends Observable<RoomSnapshot> {
  readonly id: string;
  #host: Host;
  #state: RoomState;
  #windows = new Set<Window>();
  #readers = new Set<Reader>();
  #messages: Window | undefined;
  #stream: Stream;
  #watched = false; // somebody wants to know who is there
  #timers = new Timers<"typing" | "refresh">();
  #attempt = 0;
  #marked = 0; // the read mark that the service knows of
  #marking = false;
  #typedAt = 0;

  constructor(id: string, host: Host) {
    super();
    this.id = id;
    this.#host = host;
    this.#state = new RoomState(() => host.me_.id);
    this.#stream = new Stream(id, host, {
      onEnter_: (ok, how, failed) => this.#enter(ok, how, failed),
      onEntered_: () => this.#entered(),
      onEntry_: (entry) => this.#entry(entry),
      onAhead_: () => this.reset_(),
      onChanged_: () => this.#changed(),
    });
  }

  // ─── reading ───

  /** The newest messages, live. It is made at first use. */
  get messages(): Window {
    this.#host.use_(this);
    return (this.#messages ??= this.window({ around: "end" }));
  }

  /** Pages either side of a place. Close it when it is not shown any more. */
  window(options: WindowOptions = {}): Window {
    this.#host.use_(this);
    this.watch();
    const room = this;
    const window: Window = new Window({
      get cursor_() { return room.#stream.cursor_; },
      get read_() { return room.#state.read; },
      me_: () => room.#host.me_,
      outgoing_: () => room.#host.outbox_.in_(room.id),
      ready_: () => room.ready(),
      page_: (ask, take) => room.#page(ask, take),
      closed_: (one) => void room.#windows.delete(one),
    }, options);
    this.#windows.add(window);
    return window;
  }

  /** The log's entries, each once and in order, of the types that this library knows. */
  entries(options: ReaderOptions = {}): Reader {
    this.#host.use_(this);
    const room = this;
    const reader = new Reader({
      room_: room.id,
      get user_() { return room.#host.me_.id; },
      get log_() { return room.#host.log_; },
      get cursor_() { return room.#stream.cursor_; },
      storage_: room.#host.storage_,
      ready_: () => room.ready(),
      page_: (ask, take) => room.#page(ask, take),
      ended_: (one) => void room.#readers.delete(one),
    }, options);
    this.#readers.add(reader);
    return reader;
  }

  /** Resolves once the room is joined; rejects if it cannot be, or the client was destroyed. */
  ready(): Promise<void> {
    this.#host.use_(this);
    return this.#stream.ready_();
  }

  /** The message at `seq` in its present form, or nothing where there is none. */
  async message(seq: number): Promise<Message | undefined> {
    const entry = await this.#at(seq);
    return entry?.seq === seq && entry.type === "message" ? toMessage(entry, this.#host.me_.id) : undefined;
  }

  /** The first entry of that time or later, or the last one there is. It takes some 15 questions. */
  async seqAt(date: Date): Promise<number> {
    await this.ready();
    let [low, high] = [1, Math.max(1, this.#stream.cursor_)];
    while (low < high) {
      const middle = (low + high) >> 1;
      const entry = await this.#at(middle);
      if (!entry || Date.parse(entry.at) >= date.getTime()) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /**
   * Who reacts to a message, by emoji, in the order in which they began. It is read from the log: of
   * a reaction that was made long after its message, behind 2,000 more entries, nobody is found.
   */
  async reactors(seq: number): Promise<ReadonlyMap<string, readonly string[]>> {
    const found = new Map<string, Set<string>>();
    for (let [after, pages, more] = [seq, 0, true]; more && pages < REACTION_PAGES; pages++) {
      await this.#page({ after, limit: 200 }, (page) => {
        for (const entry of page.entries) {
          if (entry.type !== "reacted" || entry.target !== seq) continue;
          this.#host.learn_(entry.author);
          const users = found.get(entry.emoji) ?? new Set();
          if (entry.removed) users.delete(entry.author.id);
          else users.add(entry.author.id);
          found.set(entry.emoji, users);
        }
        after = page.entries.at(-1)?.seq ?? after;
        more = page.more && page.entries.length > 0;
      });
    }
    return new Map([...found].map(([emoji, users]) => [emoji, [...users]]));
  }

  /** I have read up to the entry, or all that came. */
  markRead(seq = this.#stream.cursor_): void {
    this.#host.use_(this);
    if (seq <= this.#state.read) return;
    this.#state.mark_(seq);
    this.#changed();
    void this.#sendMark();
  }

  /** Loads the members, once; then `members` is kept up to date. */
  async loadMembers(): Promise<void> {
    const members = new Map<string, Member>();
    await this.#fetched(async () => {
      for (let after: string | undefined; members.size < MOST_MEMBERS; ) {
        const page = await this.#ask("GET", "/members", { query: { after, limit: 200 } });
        for (const { user, role, banned } of page.members) members.set(user, { user, role, banned });
        if (!(after = page.next)) break;
      }
      this.#state.members = members;
    });
  }

  /** Loads what is pinned, once; then `pins` is kept up to date. */
  async loadPins(): Promise<void> {
    need(this.#host, "pins");
    await this.#fetched(async () => {
      const { messages } = await this.#ask("GET", "/pins", { query: { limit: PINS } });
      this.#state.pins = messages.map((entry: any) => toMessage(entry, this.#host.me_.id));
    });
  }

  // ─── writing: each is shown at once, in order, and sent until it is durable ───

  send(body: string, { replyTo, meta, silent, key }: SendOptions = {}): Sending {
    if (key !== undefined && !isKey(key)) throw new ParleyError({ code: "invalid", message: "key: 1 to 64 characters" });
    this.#typedAt = 0;
    const rest = { ...(replyTo && { reply_to: replyTo }), ...(meta && { meta }), ...(silent && { silent }) };
    return this.#do({ type: "send", body: lines(body), ...rest }, key);
  }

  edit(seq: number, body: string): Sending {
    return this.#do({ type: "edit", seq, body: lines(body) });
  }

  delete(seq: number): Sending {
    return this.#do({ type: "delete", seq });
  }

  react(seq: number, emoji: string, on = true): Sending {
    return this.#do({ type: "react", seq, emoji, ...(!on && { remove: true }) });
  }

  pin(seq: number): Sending {
    need(this.#host, "pins");
    return this.#do({ type: "pin", seq });
  }

  unpin(seq: number): Sending {
    need(this.#host, "pins");
    return this.#do({ type: "unpin", seq });
  }

  /** Sets a slot of an application's own type, `x.…`, on a message or the room; null unsets it. */
  set(type: string, data: unknown, { target, slot }: { target?: number; slot?: string } = {}): Sending {
    need(this.#host, "sets");
    return this.#do({ type: "set", set: type, data, ...(target && { target }), ...(slot && { slot }) });
  }

  retry(key: string): void {
    this.#host.outbox_.retry_(this.id, key);
  }

  discard(key: string): void {
    this.#host.outbox_.discard_(this.id, key);
  }

  /** I am typing, or not any more; call it with each key that is pressed. */
  typing(on = true, now = Date.now()): void {
    if (on ? now - this.#typedAt < TYPING_EVERY : !this.#typedAt) return;
    this.#typedAt = on ? now : 0;
    this.#host.tell_({ type: "typing", room: this.id, ...(!on && { on }) });
  }

  /** Asks who is there, once; then `present` is kept up to date. A window asks too. */
  watch(): void {
    if (this.#watched) return;
    this.#watched = true;
    if (this.#stream.joined) this.#askPresence();
  }

  // ─── told by the client ───

  /** @internal Somebody looks at it. */
  get inUse_(): boolean {
    return this.#windows.size > 0 || this.#readers.size > 0 || this.watched_;
  }

  /** @internal As the service lists it; the stream goes on behind that. */
  describe_(view: RoomView): void {
    this.#state.describe_(view);
    // Nobody needs the entries in between of a room that rests.
    const skips = !this.#host.follows_(this) && !this.inUse_ && !this.#state.members && !this.#state.pins;
    if (this.#stream.cursor_ < 0 || skips) this.#stream.cursor_ = Math.max(this.#stream.cursor_, view.head);
    this.#marked = Math.max(this.#marked, view.read);
    this.#changed();
  }

  /** @internal */
  join_(): void {
    this.#stream.join_();
  }

  /** @internal It is followed no longer, until the next `join`. */
  rest_(): void {
    this.#stream.rest_();
    this.#silenced();
  }

  /** @internal The connection is gone. */
  interrupted_(): void {
    this.#stream.interrupted_();
    this.#silenced();
  }

  /** @internal The service has another log: nothing of what is here counts any more. */
  reset_(): void {
    this.#stream.reset_();
    this.#marked = 0;
    const { members, pins } = this.#state;
    this.#state = new RoomState(() => this.#host.me_.id);
    if (members) this.#state.members = new Map(); // loaded again with the next join
    if (pins) this.#state.pins = [];
    for (const window of this.#windows) window.interrupt_(true);
    this.#changed();
  }

  /** @internal */
  receive_(frame: Frame): void {
    if (frame.type === "left") this.#left(frame);
    else if (frame["seq"] && frame["author"]) this.#stream.receive_(frame as unknown as Entry);
    else if (!this.#state.signal_(frame)) this.#host.ignored_(frame.type);
    else this.#signalled();
  }

  /** @internal Whether the stream will bring that entry yet. */
  expects_(seq: number): boolean {
    return this.#stream.cursor_ < seq;
  }

  /** @internal What waits in the outbox has changed. */
  touch_(): void {
    for (const window of this.#windows) window.touch_();
    this.#changed();
  }

  /** @internal */
  destroy_(): void {
    this.#timers.clear_();
    this.#stream.destroy_();
    for (const reader of [...this.#readers]) void reader.return();
    for (const window of [...this.#windows]) window.close();
  }

  // ─── following the log ───

  #enter({ role, read, marks }: JoinOk, how: "began" | "resumed" | "jumped", failed: boolean): void {
    this.#state.role = role;
    this.#state.mark_(read);
    this.#marked = Math.max(this.#marked, read);
    if (marks) this.#state.marks = new Map(marks.map(({ user, seq }) => [user, seq]));
    if (how === "jumped") this.#state.stale_ = true; // what came meanwhile was not seen
    if (failed || how === "jumped") for (const window of this.#windows) window.interrupt_(failed);
    this.#changed();
  }

  #entered(): void {
    for (const reader of this.#readers) reader.look_();
    if (this.#watched) this.#askPresence();
    if (this.#state.stale_) {
      if (this.#state.members) this.loadMembers().catch(() => {});
      if (this.#state.pins) this.loadPins().catch(() => {});
    }
    this.#refreshIfStale();
    void this.#sendMark();
  }

  #left({ code, message }: Frame): void {
    this.#stream.left_(new ParleyError({ code: code as string, message: message as string }));
    this.#silenced();
  }

  #silenced(): void {
    this.#timers.clear_("typing");
    this.#state.silence_();
    this.#changed();
  }

  #entry(entry: Entry): void {
    this.#host.learn_(entry.author);
    if (isKnown(entry)) this.#state.apply_(entry);
    else this.#host.ignored_(entry.type);
    const key = entry.type === "message" ? entry.key : undefined;
    const mine = entry.author.id === this.#host.me_.id;
    this.#host.outbox_.seen_(this.id, entry.seq, mine, key);
    if (mine) this.#host.mine_(this);
    for (const window of this.#windows) window.take_(entry);
    for (const reader of this.#readers) reader.take_(entry);
    if (entry.type === "set" && entry.set === "pinned" && entry.target && entry.data) void this.#pinned(entry.target);
    this.#refreshIfStale();
    this.#host.came_(this.id, entry);
    this.#changed();
  }

  #signalled(): void {
    const next = this.#state.expire_();
    if (next < Infinity) {
      this.#timers.set_("typing", next, () => {
        this.#signalled();
        this.#changed();
      });
    }
    this.#refreshIfStale();
    this.#changed();
  }

  // ─── what is asked beside the stream ───

  // What the stream brought while it was asked may be newer than the answer: it is applied again.
  async #fetched(act: () => Promise<void>): Promise<void> {
    const recorded = this.#stream.record_();
    try {
      await act();
      for (const entry of recorded.since) if (isKnown(entry)) this.#state.apply_(entry);
      this.#changed();
    } finally {
      recorded.end();
    }
  }

  #refreshIfStale(): void {
    if (!this.#state.stale_ || this.#timers.has_("refresh")) return;
    this.#timers.set_("refresh", REFRESH_AFTER + (this.#attempt && backoff(this.#attempt)), () => {
      this.#fetched(async () => this.describe_(await this.#ask("GET", ""))).then(
        () => { this.#attempt = 0; },
        (thrown) => {
          this.#attempt++;
          if (asError(thrown).retryable && this.#stream.joined) this.#refreshIfStale();
        },
      );
    });
  }

  async #pinned(seq: number): Promise<void> {
    if (!this.#state.pins) return;
    await this.#stream.page_({ after: seq - 1, limit: 1 }, ({ entries: [entry] }, since) => {
      if (entry?.type !== "message" || !entry.pinned) return;
      this.#state.pin_(toMessage(entry, this.#host.me_.id));
      for (const one of since) if (isChange(one)) this.#state.apply_(one);
      this.#changed();
    }).catch(() => {});
  }

  async #at(seq: number): Promise<Entry | undefined> {
    let found: Entry | undefined;
    await this.#page({ after: seq - 1, limit: 1 }, ({ entries }) => { found = entries[0]; });
    return found;
  }

  #askPresence(): void {
    this.#host.request_({ type: "presence", room: this.id }, ({ users, total }) => {
      (users as Author[]).forEach((user) => this.#host.learn_(user));
      this.#state.arrive_(users, total);
      this.#changed();
    }).catch(() => {}); // asked again with the next join
  }

  async #sendMark(): Promise<void> {
    if (this.#marking) return;
    this.#marking = true;
    try {
      while (this.#stream.joined && this.#state.read > this.#marked) {
        const { read } = await this.#host.request_({ type: "read", room: this.id, seq: this.#state.read });
        this.#marked = Math.max(this.#state.read, read);
      }
      this.#refreshIfStale();
    } catch { /* the next mark, or the next join, makes up for it */ } finally {
      this.#marking = false;
    }
  }

  #ask(method: string, path: string, ask: object = {}): Promise<any> {
    return this.#host.http_.ask_(method, `v1/rooms/${encodeURIComponent(this.id)}${path}`, ask);
  }

  #page(ask: object, take: Parameters<Stream["page_"]>[1]): Promise<void> {
    this.#host.use_(this);
    return this.#stream.page_(ask, take);
  }

  #do(command: Command, key?: string): Sending {
    this.#host.use_(this);
    const { item, outcome } = this.#host.outbox_.add_(this.id, { ...command, room: this.id }, key, this.getSnapshot().name);
    return { key: item.key, outcome };
  }

  #changed(): void {
    this.changed_();
    this.#host.roomChanged_(this);
  }

  /** @internal */
  override show_(): RoomSnapshot {
    const state = this.#state;
    const { name, topic, avatar, custom, sets, archived, role, read, unread, last, activeAt, members, pins, marks } = state;
    const { joined, error, cursor_: cursor } = this.#stream;
    const outgoing = this.#host.outbox_.in_(this.id);
    const mine = unsent(outgoing, last ? [last] : [], this.#host.me_).at(-1);
    const at = later(last?.at, mine?.at);
    return {
      id: this.id, name: name || outgoing[0]?.name || "", topic, avatar, custom, sets, public: state.public, archived, role, joined, error,
      head: Math.max(cursor, 0), read, unread, last: at === mine?.at ? mine : last, activeAt: later(activeAt, at), members, pins, marks,
      present: state.presence_,
      typing: state.typists_,
    };
  }
}

// As the service takes it: surrogates come in pairs there.
const isKey = (key: string): boolean => /^[^\p{Cc}\p{Cs}]{1,64}$/u.test(key);

// Line ends as the service takes them.
const lines = (body: string): string => body.replace(/\r\n?/g, "\n");
