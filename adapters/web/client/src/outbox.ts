// Commands that are not durable yet. A message has a key; it is sent again with the same key until
// the service says that it is stored, so that it is there once however often the connection breaks.
// Changes set values, so to repeat one does no harm. One at a time per room: so they keep their order.
import { asError, ParleyError } from "./errors.ts";
import type { Command, Ok } from "./protocol.ts";
import type { Storage } from "./storage.ts";
import { backoff } from "./timing.ts";

/**
 * `sending`: waits for its turn or is on its way. `sent`: durable; its entry is still to come.
 * `failed`: the service said no, see `error`; it stays until it is retried or discarded.
 */
export type SendState = "sending" | "sent" | "failed";

/** What becomes of a command in the end. */
export interface Outcome {
  readonly state: "sent" | "failed" | "discarded";
  /** The entry's place in the log; 0 where nothing had to be stored. */
  readonly seq?: number;
  readonly error?: ParleyError;
}

/** A command in the outbox. It is replaced when it changes. */
export interface Item {
  /** Names it, here and as the key of a message. */
  readonly key: string;
  readonly room: string;
  /** What the room was called. */
  readonly name?: string | undefined;
  readonly command: Command;
  /** When it was made, by this machine's clock. */
  readonly at: string;
  readonly state: SendState;
  readonly seq?: number;
  readonly error?: ParleyError;
}

// An item as it is kept.
interface Kept {
  readonly key: string;
  readonly room: string;
  readonly name?: string | undefined;
  readonly command: Command;
  readonly at: string;
  readonly log: string; // the log that its command speaks of; "" where it was not known
  readonly failed?: { code: string; message: string };
}

interface Entry {
  item: Item;
  place_: string; // orders what is kept
  log_: string;
  kept_: boolean;
  settle_: (outcome: Outcome) => void;
  readonly outcome: Promise<Outcome>;
}

export interface OutboxParts {
  readonly storage_: Storage;
  request_(command: Command, take: (ok: Ok) => void): Promise<Ok>;
  /** Whether the room's log is known up to that entry, or nobody follows the room. */
  applied_(room: string, seq: number): boolean;
  /** What waits there is another. */
  changed_(room: string): void;
}

const HELD = 1_000; // commands
const STORED_WITHIN = 2_000; // ms: a storage that takes longer is not waited for

const path = (user: string, place = ""): string => `outbox/${encodeURIComponent(user)}/${place}`;

/**
 * A key that begins with the time, as stores then put keys of the same time together; 53 bits are random. It is of
 * 19 characters at most, as it is stored twice. crypto.randomUUID is missing where a page does not come by https.
 */
export const newKey = (): string =>
  Date.now().toString(36) +
  crypto.getRandomValues(new Uint32Array(2)).reduce((a, b) => a * 2 ** 21 + (b >>> 11)).toString(36);

export class Outbox {
  #parts: OutboxParts;
  #entries: Entry[] = []; // in the order of their places
  #user = "";
  #log = "";
  #open = false;
  #turn = 0; // counts connections
  #busy = new Set<string>(); // rooms of which one is on its way
  #waits = new Map<string, ReturnType<typeof setTimeout>>(); // rooms that the service told to wait
  #attempts = new Map<string, number>();
  #lastPlace = 0;

  constructor(parts: OutboxParts, user = "") {
    this.#parts = parts;
    this.#user = user;
  }

  in_(room: string): readonly Item[] {
    return this.#entries.filter(({ item }) => item.room === room).map(({ item }) => item);
  }

  /** Those in which something waits; one may come several times. */
  get rooms_(): string[] {
    return this.#entries.map(({ item }) => item.room);
  }

  /**
   * Takes a command. It is sent when those before it in its room are, and kept until then. Of a
   * message whose key is here already there is no second one, unless the first failed.
   */
  add_(room: string, command: Command, key = newKey(), name?: string): { readonly item: Item; readonly outcome: Promise<Outcome> } {
    const same = this.#find(room, key);
    if (same && same.item.state !== "failed") return same;
    if (same) this.#drop(same);
    if (this.#entries.length >= HELD) throw new ParleyError({ code: "full", message: `more than ${HELD} commands wait to be sent` });
    const item: Item = {
      key, room, name, at: new Date().toISOString(), state: "sending",
      command: command.type === "send" ? { ...command, key } : command,
    };
    const entry = this.#enter(item, this.#place(), this.#log, false);
    this.#parts.changed_(room);
    void this.#keep(entry).then(() => this.flush_(room));
    return entry;
  }

  retry_(room: string, key: string): void {
    const entry = this.#find(room, key);
    if (entry?.item.state !== "failed") return;
    const { error: _, ...item } = entry.item;
    this.#replace(entry, { ...item, state: "sending" });
    void this.#keep(entry).then(() => this.flush_(item.room));
  }

  /** Forgets a command. One that is on its way may take effect all the same. */
  discard_(room: string, key: string): void {
    const entry = this.#find(room, key);
    if (!entry) return;
    this.#drop(entry);
    entry.settle_({ state: "discarded" });
  }

  /** The log has applied the entry: what waited for it is done. */
  seen_(room: string, seq: number, mine: boolean, key?: string): void {
    for (const entry of this.#entries.filter(({ item }) => item.room === room)) {
      const { item } = entry;
      if (item.seq === seq || (mine && key !== undefined && item.key === key)) {
        this.#drop(entry);
        entry.settle_({ state: "sent", seq });
      }
    }
  }

  /** Takes up what is kept for the user, to show it: it is sent once this is open. */
  async recall_(user: string): Promise<void> {
    const kept = await this.#list(user);
    if (!this.#user || this.#user === user) this.#adopt(user, kept, "");
  }

  /** Connected, as this user and to this log: what is kept for them is taken up, and sent. */
  async open_(user: string, log: string): Promise<void> {
    const turn = ++this.#turn;
    const kept = await this.#list(user);
    if (turn !== this.#turn) return; // the connection is gone already
    this.#log = log;
    this.#adopt(user, kept, log);
    for (const entry of [...this.#entries]) {
      const { room, state, seq } = entry.item;
      if (state === "sent" && (entry.log_ !== log || this.#parts.applied_(room, seq!))) this.#drop(entry);
    }
    this.#open = true;
    for (const room of this.rooms_) void this.flush_(room);
  }

  /** Not connected: nothing is sent. */
  close_(): void {
    this.#turn++;
    this.#open = false;
    for (const wait of this.#waits.values()) clearTimeout(wait);
    this.#waits.clear();
  }

  /** Sends what waits in the room, one after the other. */
  async flush_(room: string): Promise<void> {
    if (this.#busy.has(room) || this.#waits.has(room) || !this.#open) return;
    this.#busy.add(room);
    try {
      for (let entry; this.#open && (entry = this.#next(room)); ) {
        if (!(await this.#parts.storage_.lock(path(this.#user, room), () => this.#send(entry!)))) break;
      }
    } finally {
      this.#busy.delete(room);
    }
  }

  #next(room: string): Entry | undefined {
    return this.#entries.find(({ item }) => item.room === room && item.state === "sending");
  }

  // Resolves to whether the next one may go.
  async #send(entry: Entry): Promise<boolean> {
    const { key, room } = entry.item;
    if (!this.#open) return false;
    if (entry.kept_ && (await this.#parts.storage_.get(path(this.#user, entry.place_)).catch(() => true)) === undefined) {
      this.#drop(entry); // another tab has sent or discarded it
      entry.settle_({ state: "sent" });
      return true;
    }
    try {
      const command = this.#command(entry);
      await this.#parts.request_(command, ({ seq }) => this.#stored(entry, seq));
      this.#attempts.delete(room);
      return true;
    } catch (thrown) {
      const error = asError(thrown);
      if (this.#find(room, key) !== entry) return true; // discarded meanwhile
      if (error.code === "unanswered" || error.code === "stopped" || error.code === "unauthenticated") return false; // the next connection sends it again
      if (error.retryable) {
        this.#wait(room, error.retryAfter);
        return false;
      }
      this.#replace(entry, { ...entry.item, state: "failed", error });
      void this.#keep(entry);
      entry.settle_({ state: "failed", error });
      return true;
    }
  }

  // What was written about another history names other messages in this one.
  #command({ item: { command }, log_: log }: Entry): Command {
    if (!log || log === this.#log) return command;
    if (command.type !== "send") throw new ParleyError({ code: "conflict", reason: "log", message: "the room has another history now" });
    const { reply_to: _, ...rest } = command;
    return rest;
  }

  #stored(entry: Entry, seq: number): void {
    if (this.#find(entry.item.room, entry.item.key) !== entry) return;
    if (!seq || this.#parts.applied_(entry.item.room, seq)) this.#drop(entry);
    else {
      this.#replace(entry, { ...entry.item, state: "sent", seq });
      void this.#forget(entry);
    }
    entry.settle_({ state: "sent", seq });
  }

  #wait(room: string, ms?: number): void {
    const attempt = this.#attempts.get(room) ?? 1;
    this.#attempts.set(room, attempt + 1);
    // Not before the time that the service gave, and not all at once then.
    const wait = (ms ?? 0) + backoff(attempt);
    this.#waits.set(room, setTimeout(() => {
      this.#waits.delete(room);
      void this.flush_(room);
    }, wait));
  }

  // Keys count in their rooms.
  #find(room: string, key: string): Entry | undefined {
    return this.#entries.find(({ item }) => item.key === key && item.room === room);
  }

  #enter(item: Item, place: string, log: string, kept: boolean): Entry {
    let settle_!: (outcome: Outcome) => void;
    const outcome = new Promise<Outcome>((resolve) => { settle_ = resolve; });
    const entry = { item, place_: place, log_: log, kept_: kept, settle_, outcome };
    this.#entries.push(entry);
    return entry;
  }

  #replace(entry: Entry, item: Item): void {
    entry.item = item;
    this.#parts.changed_(item.room);
  }

  #drop(entry: Entry): void {
    this.#entries = this.#entries.filter((one) => one !== entry);
    void this.#forget(entry);
    this.#parts.changed_(entry.item.room);
  }

  // ─── what is kept ───

  // Places grow, also when this machine's clock is set back.
  #place(): string {
    this.#lastPlace = Math.max(this.#lastPlace + 1, Date.now() * 1_000);
    return `${String(this.#lastPlace).padStart(17, "0")}-${newKey().slice(-8)}`;
  }

  async #keep(entry: Entry): Promise<void> {
    if (!this.#user) return; // nobody knows whose it is: it is kept once we are welcome
    const { key, room, name, command, at, error } = entry.item;
    const kept: Kept = { key, room, name, command, at, log: entry.log_, ...(error && { failed: { code: error.code, message: error.message } }) };
    entry.kept_ = true;
    let timer;
    const slow = new Promise<void>((resolve) => { timer = setTimeout(resolve, STORED_WITHIN); });
    const stored = this.#parts.storage_.set(path(this.#user, entry.place_), kept).catch(() => { entry.kept_ = false; });
    await Promise.race([stored, slow]);
    clearTimeout(timer);
  }

  async #forget(entry: Entry): Promise<void> {
    if (entry.kept_) await this.#parts.storage_.delete(path(this.#user, entry.place_)).catch(() => {});
  }

  #list(user: string): Promise<[string, unknown][]> {
    return this.#parts.storage_.list(path(user)).catch(() => []);
  }

  #adopt(user: string, kept: readonly [string, unknown][], log: string): void {
    const fresh = this.#user ? [] : [...this.#entries]; // nobody knew whose they are: they come last
    this.#user = user;
    for (const [key, value] of kept) this.#take(key.slice(path(user).length), value as Kept);
    for (const entry of fresh) entry.place_ = this.#place();
    this.#sort();
    for (const entry of this.#entries) {
      entry.log_ ||= log;
      if (!entry.kept_) void this.#keep(entry);
    }
  }

  // Takes up a command of an earlier life, or of another tab. Of the latter it may be on its way: then
  // it is gone from the storage when its turn comes here.
  #take(place: string, { key, room, name, command, at, log, failed }: Kept): void {
    if (this.#find(room, key)) return;
    const item: Item = {
      key, room, name, command, at,
      ...(failed ? { state: "failed", error: new ParleyError(failed) } : { state: "sending" }),
    };
    this.#enter(item, place, log, true);
    this.#sort();
    this.#lastPlace = Math.max(this.#lastPlace, Number(place.split("-")[0]));
    this.#parts.changed_(room);
  }

  #sort(): void {
    this.#entries.sort((a, b) => (a.place_ < b.place_ ? -1 : 1));
  }
}
