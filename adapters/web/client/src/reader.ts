// A room's log as an async iterator: each entry once, in order, however slow the reader is.
import type { Entry, Page } from "./protocol.ts";
import { isKnown } from "./protocol.ts";
import type { Storage } from "./storage.ts";

export interface ReaderOptions {
  /** Begins behind this entry; `end`, which is the default, behind the last one there is. */
  readonly after?: number | "end";
  /**
   * Keeps under this name how far the application has come, and goes on there: `after` counts for the
   * first time only. An entry counts as taken when the next one is asked for, so one that was not
   * finished comes again.
   */
  readonly name?: string;
  /** The room has another history: what was read before counts no more, and the first entry is next. */
  readonly onAnotherLog?: () => void;
}

/** What a reader needs of its room. */
export interface ReaderSource {
  readonly user_: string;
  readonly log_: string;
  readonly room_: string;
  readonly cursor_: number;
  readonly storage_: Storage;
  ready_(): Promise<void>;
  page_(ask: { after: number; limit: number }, take: (page: Page) => void): Promise<void>;
  ended_(reader: Reader): void;
}

const PAGE = 200;
const BUFFER = 1_000; // entries: what comes while they wait is read from the log later

export class Reader implements AsyncIterableIterator<Entry> {
  #source: ReaderSource;
  #options: ReaderOptions;
  #position = -1; // the last entry that was given; -1 before the beginning
  #log = "";
  #buffer: Entry[] = []; // directly behind #position
  #wake = () => {};
  #ended = false;
  #taken = -1; // the last entry that the application is done with
  #saved = -1;
  #saving = false;

  constructor(source: ReaderSource, options: ReaderOptions = {}) {
    this.#source = source;
    this.#options = options;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Entry, undefined>> {
    this.#taken = this.#position;
    void this.#save();
    while (!this.#ended) {
      await this.#place();
      const entry = this.#buffer.shift();
      if (entry) {
        this.#position = entry.seq;
        if (isKnown(entry)) return { done: false, value: entry };
      } else if (this.#position < this.#source.cursor_) {
        await this.#source.page_({ after: this.#position, limit: PAGE }, ({ entries }) => this.#fill(entries));
      } else {
        await new Promise<void>((resolve) => { this.#wake = resolve; });
      }
    }
    return { done: true, value: undefined };
  }

  async return(): Promise<IteratorResult<Entry, undefined>> {
    this.#ended = true;
    this.#wake();
    this.#source.ended_(this);
    return { done: true, value: undefined };
  }

  /** @internal The stream's next entry. */
  take_(entry: Entry): void {
    if (this.#position >= 0 && this.#buffer.length < BUFFER) this.#fill([entry]);
    this.#wake();
  }

  /** @internal The connection is back, or another history is there. */
  look_(): void {
    this.#wake();
  }

  #fill(entries: readonly Entry[]): void {
    for (const entry of entries) {
      if (entry.seq === (this.#buffer.at(-1)?.seq ?? this.#position) + 1) this.#buffer.push(entry);
    }
  }

  // Finds where to go on, at first and after the log became another.
  async #place(): Promise<void> {
    await this.#source.ready_();
    const { log_: log, cursor_: cursor } = this.#source;
    if (this.#log === log) return;
    const kept = this.#log ? undefined : await this.#kept();
    const another = this.#log !== "" || (kept !== undefined && (kept.log !== log || kept.seq > cursor));
    const { after = "end" } = this.#options;
    this.#buffer = [];
    this.#log = log;
    this.#saved = -1;
    this.#position = another ? 0 : kept ? kept.seq : after === "end" ? cursor : after;
    if (another) this.#options.onAnotherLog?.();
  }

  get #key(): string {
    const { user_: user, room_: room } = this.#source;
    return ["cursor", user, room, this.#options.name!].map(encodeURIComponent).join("/");
  }

  async #kept(): Promise<{ log: string; seq: number } | undefined> {
    if (this.#options.name === undefined) return undefined;
    return (await this.#source.storage_.get(this.#key).catch(() => undefined)) as { log: string; seq: number } | undefined;
  }

  // One at a time, the latest: a storage is slower than a stream.
  async #save(): Promise<void> {
    if (this.#options.name === undefined || this.#saving) return;
    this.#saving = true;
    try {
      while (this.#taken >= 0 && this.#taken !== this.#saved) {
        const seq = (this.#saved = this.#taken);
        await this.#source.storage_.set(this.#key, { log: this.#log, seq });
      }
    } catch { /* it is read again then */ } finally {
      this.#saving = false;
    }
  }
}
