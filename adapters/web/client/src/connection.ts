// One socket to the service that comes back by itself. It knows frames, answers and time; nothing of
// rooms.
import { Answers } from "./answers.ts";
import { ParleyError, stopped, unanswered } from "./errors.ts";
import type { Command, Frame, Ok, Welcome } from "./protocol.ts";
import { backoff, Timers } from "./timing.ts";
import type { Tokens } from "./tokens.ts";

/** What this library needs of a WebSocket: that of browsers, of Node from 22 on, and of `ws`. */
export interface Socket {
  onopen: ((event: any) => void) | null;
  onmessage: ((event: any) => void) | null;
  onclose: ((event: any) => void) | null;
  onerror: ((event: any) => void) | null;
  send(text: string): void;
  close(code?: number): void;
}

/**
 * Why a connection does not come back by itself: the application closed it, no token is accepted, an
 * operator sent the user away, this client and the service do not understand each other, it asks for
 * too much, or the tokens are another user's.
 */
export type StopReason = "closed" | "token" | "banned" | "protocol" | "limited" | "user";

/** `error` is why the service refused the last attempts, if it has said so. */
export type Status =
  | { readonly state: "open" }
  | { readonly state: "connecting"; readonly error?: ParleyError }
  | { readonly state: "waiting"; /** When it tries again, epoch ms. */ readonly retryAt: number; readonly error?: ParleyError }
  | { readonly state: "stopped"; readonly reason: StopReason; readonly error?: ParleyError };

export interface Callbacks {
  /** `status` has changed. */
  onStatus_(): void;
  /** There is a token, with which it connects. */
  onToken_(): void;
  /** Commands may be sent; it comes before all other frames. */
  onWelcome_(welcome: Welcome): void;
  /** A frame that is no answer, in order. */
  onFrame_(frame: Frame): void;
  /** Asks in another way why the service refuses the token; nothing where it does not say. */
  refusal_(token: string): Promise<ParleyError | undefined>;
}

const CLOSED_TOKEN = 4401;
const CLOSED_IMPATIENT = 4429;
const FINAL = new Map<number, StopReason>([[4400, "protocol"], [4403, "banned"]]);

const STEADY_AFTER = 10_000; // ms: a socket that lived so long was no failure, and backoff starts anew
const WELCOME_WITHIN = 15_000;
const PONG_WITHIN = 8_000;
const IMPATIENT_ATTEMPT = 5; // where backoff goes on when we were sent away for asking too much
const IMPATIENT_TIMES = 5; // so often in a row, and we stop
const REFUSED_TIMES = 5; // so many tokens in a row, and we stop
const VERSION = "parley.v1.json";

/** Begins with `start`, and lives until `stop` or until the service sends it away for good. */
export class Connection {
  status_: Status = { state: "stopped", reason: "closed" };

  #url: string;
  #dial: (url: string, protocols: string[]) => Socket;
  #tokens: Tokens;
  #on: Callbacks;
  #socket: Socket | null = null;
  #answers = new Answers(() => this.#closed(1006));
  #timers = new Timers<"retry" | "alive" | "welcome" | "drain" | "renew">();
  #welcomedAt = 0; // epoch ms; 0 before the welcome
  #attempt = 0;
  #turn = 0; // counts attempts: what belongs to an earlier one is dropped
  #byFrame = false; // the token goes in a frame: a browser does not tell why a handshake failed
  #token = "";
  #refused = 0;
  #impatient = 0;
  #error: ParleyError | undefined;
  #told = false; // the present attempt was refused in words
  #asks = false; // why it was refused
  #drainUntil = 0;
  #heartbeat = 25_000;
  #frameBytes = 65_536;

  constructor(url: string, tokens: Tokens, dial: (url: string, protocols: string[]) => Socket, on: Callbacks) {
    this.#url = url;
    this.#tokens = tokens;
    this.#dial = dial;
    this.#on = on;
  }

  start_(): void {
    this.#abandon();
    this.#attempt = this.#refused = this.#impatient = this.#drainUntil = 0;
    this.#error = undefined;
    void this.#connect();
  }

  stop_(reason: StopReason = "closed"): void {
    this.#abandon();
    this.#enter({ state: "stopped", reason });
  }

  /**
   * Sends a command; resolves to its `ok`. `take` gets the `ok` at once, before the frames behind it
   * are handled: a promise is resolved too late for that.
   */
  request_(command: Command, take: (ok: Ok) => void = () => {}): Promise<Ok> {
    if (this.status_.state === "stopped") return Promise.reject(stopped());
    if (this.status_.state !== "open") return Promise.reject(unanswered());
    const text = JSON.stringify(command);
    // A frame that is too long would end the socket, and so would the next attempt.
    if (text.length * 3 > this.#frameBytes - 100 && new TextEncoder().encode(text).length > this.#frameBytes - 100) {
      return Promise.reject(new ParleyError({ code: "invalid", message: "too long for a frame" }));
    }
    return this.#answers.await_((id) => this.#write({ ...command, id }), take);
  }

  /** Sends a command whose answer nobody waits for; it is dropped while there is no connection. */
  tell_(command: Command): void {
    if (this.status_.state === "open") this.#write(command);
  }

  /**
   * Looks at once whether the connection is alive, or tries at once to get one: for when the network
   * or the user came back.
   */
  wake_(): void {
    if (this.status_.state === "waiting" && Date.now() >= this.#drainUntil && !this.#impatient) void this.#connect();
    else if (this.status_.state === "open") this.#probe();
  }

  #write(frame: object): void {
    this.#socket?.send(JSON.stringify(frame));
  }

  async #connect(): Promise<void> {
    this.#timers.clear_();
    this.#welcomedAt = 0;
    const turn = ++this.#turn;
    this.#enter({ state: "connecting" });
    let token: string;
    try {
      token = await this.#tokens.get_();
    } catch {
      if (turn === this.#turn) this.#wait(backoff(this.#attempt++));
      return;
    }
    if (turn !== this.#turn) return;
    this.#drainUntil = 0;
    this.#token = token;
    if (!token) return this.stop_("token");
    this.#on.onToken_();
    this.#open(token);
  }

  #open(token: string): void {
    const byFrame = this.#byFrame || !/^[\w.~+-]+$/.test(token);
    let socket: Socket;
    try {
      socket = this.#dial(this.#url, byFrame ? [VERSION] : [VERSION, `bearer.${token}`]);
    } catch { // no such address: it will not do better later
      this.stop_("protocol");
      return;
    }
    this.#socket = socket;
    this.#told = false;
    // A socket that was given up may still speak: only the present one is listened to.
    const present = <E>(act: (event: E) => void) => (event: E) => { if (socket === this.#socket) act(event); };
    if (byFrame) socket.onopen = present(() => this.#write({ type: "auth", token }));
    socket.onmessage = present((event: { data: unknown }) => this.#receive(event.data));
    socket.onclose = present((event: { code: number }) => this.#closed(event.code));
    socket.onerror = present(() => this.#closed(1006)); // some are silent after it
    this.#timers.set_("welcome", WELCOME_WITHIN, () => this.#closed(1006));
  }

  #receive(data: unknown): void {
    let frame: Frame;
    try {
      frame = JSON.parse(data as string);
    } catch { // whatever speaks there, it is not the service: a proxy perhaps
      this.#closed(1006);
      return;
    }
    this.#timers.set_("alive", this.#heartbeat, () => this.#probe());
    switch (frame.type) {
      case "welcome":
        this.#welcome(frame as unknown as Welcome);
        break;
      case "ok":
        this.#answers.settle_(frame);
        break;
      case "error":
        if (frame["id"] !== undefined) this.#answers.settle_(frame);
        else if (this.#welcomedAt) this.#on.onFrame_(frame);
        else {
          this.#told = true;
          this.#error = new ParleyError(frame as { code?: string });
        }
        break;
      case "drain":
        this.#drain(frame["reconnect_in_ms"] ?? 0);
        break;
      default:
        this.#on.onFrame_(frame);
    }
  }

  #welcome(welcome: Welcome): void {
    this.#timers.clear_("welcome");
    this.#welcomedAt = Date.now();
    this.#byFrame = false;
    this.#refused = 0;
    this.#error = undefined;
    this.#heartbeat = welcome.heartbeat_ms || this.#heartbeat;
    this.#frameBytes = welcome.limits?.frame_bytes || this.#frameBytes;
    this.#enter({ state: "open" });
    this.#on.onWelcome_(welcome);
    if (welcome.expires_at) this.#planRenewal(Date.parse(welcome.expires_at));
  }

  // When the token ends is told by the service's clock, so the service is asked what time it is.
  #planRenewal(expiresAt?: number): void {
    this.request_({ type: "ping" }, ({ now }) => {
      const wait = this.#tokens.renewalIn_(Date.parse(now), expiresAt);
      if (wait < Infinity) this.#timers.set_("renew", wait, () => void this.#renew());
    }).catch(() => {}); // the next welcome plans anew
  }

  async #renew(attempt = 0): Promise<void> {
    const turn = this.#turn;
    try {
      const token = await this.#tokens.renew_();
      if (turn !== this.#turn) return;
      if (!token) return this.stop_("token");
      this.#token = token;
      await this.request_({ type: "auth", token });
      if (turn === this.#turn) this.#planRenewal();
    } catch {
      // If the service refused it, 4401 follows; else there is time to try again.
      if (turn === this.#turn) this.#timers.set_("renew", backoff(attempt), () => void this.#renew(attempt + 1));
    }
  }

  #drain(ms: number): void {
    this.#drainUntil = Date.now() + ms;
    this.#timers.set_("drain", ms, () => this.#closed(1012));
  }

  // The service's pings are answered unseen, and it may take minutes until a dead network is noticed;
  // so silence is probed.
  #probe(): void {
    this.#timers.set_("alive", PONG_WITHIN, () => this.#closed(1006));
    this.tell_({ type: "ping", id: "alive" });
  }

  #closed(code: number): void {
    const lived = this.#welcomedAt ? Date.now() - this.#welcomedAt : 0;
    const welcomed = this.#welcomedAt > 0;
    this.#abandon();
    this.#byFrame = !welcomed && code !== CLOSED_IMPATIENT;
    if (!welcomed && !this.#told) void this.#ask();
    if (lived > STEADY_AFTER) this.#attempt = this.#impatient = 0;
    const final = FINAL.get(code);
    if (final) return this.#enter({ state: "stopped", reason: final });
    if (code === CLOSED_TOKEN) {
      this.#tokens.refuse_(this.#token);
      if (++this.#refused >= REFUSED_TIMES) return this.#enter({ state: "stopped", reason: "token" });
    }
    if (code === CLOSED_IMPATIENT) {
      this.#attempt = Math.max(this.#attempt, IMPATIENT_ATTEMPT);
      if (++this.#impatient >= IMPATIENT_TIMES) return this.#enter({ state: "stopped", reason: "limited" });
    }
    this.#wait(this.#drainUntil ? Math.max(0, this.#drainUntil - Date.now()) : backoff(this.#attempt++));
  }

  // A browser does not tell why a handshake failed, and a close code tells little.
  async #ask(): Promise<void> {
    if (this.#asks) return;
    this.#asks = true;
    const error = await this.#on.refusal_(this.#token);
    this.#asks = false;
    const { status_: status } = this;
    if (!error || error.message === this.#error?.message || status.state === "open" || (status.state === "stopped" && status.reason === "closed")) return;
    this.#error = error;
    this.#enter(status);
  }

  #wait(ms: number): void {
    this.#timers.set_("retry", ms, () => void this.#connect());
    this.#enter({ state: "waiting", retryAt: Date.now() + ms });
  }

  // Lets go of the socket and of all that waits for it.
  #abandon(): void {
    this.#turn++;
    this.#timers.clear_();
    const socket = this.#socket;
    this.#socket = null;
    this.#welcomedAt = 0;
    try {
      socket?.close();
    } catch { /* it was not open yet */ }
    this.#answers.abandon_();
  }

  #enter(status: Status): void {
    this.status_ = status.state === "open" || !this.#error ? status : { ...status, error: this.#error };
    this.#on.onStatus_();
  }
}
