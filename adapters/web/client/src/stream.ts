// How a room's log is followed: joined, resumed behind the cursor, and asked for what lies elsewhere.
import { asError, ParleyError, stopped } from "./errors.ts";
import type { Command, Entry, JoinOk, Ok, Page } from "./protocol.ts";
import { backoff, Timers } from "./timing.ts";

/** What a stream needs of the connection. */
export interface Line {
  /** Commands are taken. */
  readonly open_: boolean;
  readonly destroyed_: boolean;
  request_(command: Command, take?: (ok: Ok) => void): Promise<Ok>;
  tell_(command: Command): void;
}

export interface StreamCallbacks {
  /**
   * The room is joined; entries follow. `how`: it began, it goes on behind the cursor, or there is a
   * hole before what comes, of which history has the rest.
   */
  onEnter_(ok: JoinOk, how: "began" | "resumed" | "jumped", failed: boolean): void;
  /** The same, once commands may be sent. */
  onEntered_(): void;
  /** The next entry, each once. */
  onEntry_(entry: Entry): void;
  /** The cursor is of another history. */
  onAhead_(): void;
  /** `joined` or `error` has changed. */
  onChanged_(): void;
}

export class Stream {
  /** The last entry that came; -1 where nothing is known of the log. */
  cursor_ = -1;
  joined = false;
  /** Why it is not joined. */
  error: ParleyError | undefined;

  #room: string;
  #line: Line;
  #on: StreamCallbacks;
  #joining = false;
  #turn = 0; // counts attempts to join: what belongs to one that was given up is dropped
  #waiting: { resolve: () => void; reject: (error: ParleyError) => void }[] = [];
  #recorders = new Set<Entry[]>(); // each has the entries since a question was asked
  #timers = new Timers<"join">();
  #attempt = 0;

  constructor(room: string, line: Line, on: StreamCallbacks) {
    this.#room = room;
    this.#line = line;
    this.#on = on;
  }

  join_(): void {
    if (this.joined || this.#joining || !this.#line.open_) return;
    this.#joining = true;
    this.#timers.clear_();
    const turn = ++this.#turn;
    const since = this.cursor_ < 0 ? { limit: 0 } : { after: this.cursor_ };
    this.#line.request_({ type: "join", room: this.#room, ...since }, (ok) => {
      if (turn === this.#turn) this.#enter(ok as JoinOk);
    }).then(
      () => {
        if (turn !== this.#turn) return;
        this.#joining = false;
        if (!this.joined) return;
        this.#waiting.splice(0).forEach(({ resolve }) => resolve());
        this.#on.onEntered_();
      },
      (thrown) => {
        if (turn !== this.#turn) return;
        this.#joining = false;
        this.#refused(asError(thrown));
      },
    );
  }

  /** Resolves once it is joined; rejects if it cannot be, or the client was destroyed. */
  ready_(): Promise<void> {
    if (this.joined) return Promise.resolve();
    if (this.#line.destroyed_) return Promise.reject(stopped("the client was destroyed"));
    if (this.error && !this.error.retryable) return Promise.reject(this.error);
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  /** Takes an entry that the socket brought. */
  receive_(entry: Entry): void {
    if (!this.joined || entry.seq <= this.cursor_) return; // a straggler of a stream that was given up
    if (entry.seq !== this.cursor_ + 1) return this.#mend();
    this.cursor_ = entry.seq;
    for (const since of this.#recorders) since.push(entry);
    this.#on.onEntry_(entry);
  }

  /** The connection is gone; the next one joins again. */
  interrupted_(): void {
    this.joined = false;
    this.#timers.clear_();
  }

  /** It is followed no longer, until the next `join`. */
  rest_(): void {
    if (this.joined || this.#joining) this.#line.tell_({ type: "leave", room: this.#room });
    this.#turn++;
    this.joined = this.#joining = false;
    this.#timers.clear_();
  }

  /** The service follows it no longer. */
  left_(error: ParleyError): void {
    this.joined = false;
    this.error = error;
  }

  /** Knows nothing of the log any more. */
  reset_(): void {
    this.cursor_ = -1;
    this.joined = false;
  }

  destroy_(): void {
    this.#timers.clear_();
    this.#waiting.splice(0).forEach(({ reject }) => reject(stopped("the client was destroyed")));
  }

  /**
   * Asks for history until it is answered. `take` gets the page before any frame behind it, with the
   * entries that came since it was asked for: the page may be older than they are.
   */
  async page_(ask: object, take: (page: Page, since: readonly Entry[]) => void): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      await this.ready_();
      const recorded = this.record_();
      try {
        await this.#line.request_({ type: "history", room: this.#room, ...ask }, (page) => take(page as Page, recorded.since));
        return;
      } catch (thrown) {
        const error = asError(thrown);
        if (!error.retryable || this.#line.destroyed_) throw error;
        if (error.code !== "unanswered") await new Promise((resolve) => setTimeout(resolve, (error.retryAfter ?? 0) + backoff(attempt)));
      } finally {
        recorded.end();
      }
    }
  }

  /** Notes the entries that come from now on, until `end`. */
  record_(): { readonly since: readonly Entry[]; end(): void } {
    const since: Entry[] = [];
    this.#recorders.add(since);
    return { since, end: () => void this.#recorders.delete(since) };
  }

  #enter(ok: JoinOk): void {
    const how = this.cursor_ < 0 ? "began" : ok.from === this.cursor_ + 1 ? "resumed" : "jumped";
    const failed = this.error !== undefined;
    this.cursor_ = ok.from - 1;
    this.joined = true;
    this.error = undefined;
    this.#attempt = 0;
    this.#on.onEnter_(ok, how, failed);
  }

  #refused(error: ParleyError): void {
    if (this.#line.destroyed_ || error.code === "unanswered" || error.code === "stopped") return; // the next connection joins again
    if (error.reason === "ahead") {
      this.#on.onAhead_();
      this.join_();
      return;
    }
    this.error = error;
    if (error.retryable) this.#timers.set_("join", (error.retryAfter ?? 0) + backoff(++this.#attempt), () => this.join_());
    else this.#waiting.splice(0).forEach(({ reject }) => reject(error));
    this.#on.onChanged_();
  }

  // The service promises that there are no holes. Should there be one, nothing is lost.
  #mend(): void {
    this.joined = false;
    this.#line.tell_({ type: "leave", room: this.#room });
    this.join_();
  }
}
