// One socket to the service that comes back by itself. It knows frames, answers and time; nothing of rooms, nothing of the DOM.

/** Refused is an `error` frame: the service understood and said no. */
export class Refused extends Error {
  constructor({ code, message, reason, retry_after_ms: retryAfter }) {
    super(message || code);
    this.code = code;
    this.ahead = reason === "ahead"; // a cursor lies beyond the room's last entry
    this.retryAfter = retryAfter;
  }
}

/** Unanswered says that the socket went before the answer came: whether the command took effect is unknown. */
export class Unanswered extends Error {
  constructor() {
    super("the connection was lost before the answer came");
    this.code = "unanswered";
  }
}

export const State = Object.freeze({
  connecting: "connecting",
  open: "open", // welcomed; commands are taken
  waiting: "waiting", // for the next attempt, at `retryAt`
  stopped: "stopped", // for good, because of `reason`, until start is called
});

/** Why a connection does not come back by itself. */
export const Reason = Object.freeze({ signedOut: "signed out", token: "token", banned: "banned", protocol: "protocol" });

const FINAL = new Map([[4400, Reason.protocol], [4401, Reason.token], [4403, Reason.banned]]);
const IMPATIENT = 4429; // we were sent away for asking too much: come back, but not soon

const BACKOFF_BASE = 500; // ms
const BACKOFF_CAP = 30_000;
const STEADY_AFTER = 10_000; // a socket that lived so long was no failure: the backoff starts anew
const WELCOME_WITHIN = 15_000;
const ANSWER_WITHIN = 30_000;
const PONG_WITHIN = 8_000;

/** Full jitter: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/ */
export function backoff(attempt, random = Math.random) {
  return random() * Math.min(BACKOFF_CAP, BACKOFF_BASE * 2 ** attempt);
}

/**
 * The callbacks: onState(connection) when `state` changed; onWelcome(frame) when commands may be sent, before any other frame;
 * onFrame(frame) for every frame that is no answer, in order; tokenRefused() is asked when a handshake failed, for browsers do
 * not tell its status: it resolves to whether the token is to blame.
 */
export class Connection {
  state = State.stopped;
  reason = Reason.signedOut;
  retryAt = 0; // epoch ms; while waiting

  #url;
  #dial;
  #on;
  #token = "";
  #socket = null;
  #welcomed = 0; // when, epoch ms; 0 before the welcome
  #attempt = 0;
  #drainUntil = 0;
  #heartbeat = 25_000;
  #lastId = 0;
  #answers = new Map(); // id → {resolve, reject, take, timer}
  #timers = { retry: 0, alive: 0, welcome: 0, drain: 0 };

  constructor({ url, dial = (to, protocols) => new WebSocket(to, protocols), ...callbacks }) {
    this.#url = url;
    this.#dial = dial;
    this.#on = callbacks;
  }

  start(token) {
    this.#abandon();
    this.#token = token;
    this.#attempt = 0;
    this.#connect();
  }

  stop(reason = Reason.signedOut) {
    this.#abandon();
    this.#enter(State.stopped, { reason });
  }

  /**
   * Sends a command; resolves to its `ok`, rejects with Refused or Unanswered. `take` gets the `ok` at once, before the frames
   * behind it are handled: a promise is resolved too late for that.
   */
  request(frame, take = () => {}) {
    return new Promise((resolve, reject) => {
      if (this.state !== State.open) {
        reject(new Unanswered());
        return;
      }
      const id = String(++this.#lastId);
      const timer = setTimeout(() => this.#lost(), ANSWER_WITHIN);
      this.#answers.set(id, { resolve, reject, take, timer });
      this.#write({ ...frame, id });
    });
  }

  /** Sends a command whose answer nobody waits for; it is dropped while there is no connection. */
  tell(frame) {
    if (this.state === State.open) this.#write(frame);
  }

  /** Looks at once whether the connection is alive, or tries at once to get one: for when the network or the user came back. */
  wake() {
    if (this.state === State.waiting && Date.now() >= this.#drainUntil) this.#connect();
    else if (this.state === State.open) this.#probe();
  }

  #write(frame) {
    this.#socket.send(JSON.stringify(frame));
  }

  #connect() {
    this.#clear("retry");
    this.#welcomed = 0;
    this.#drainUntil = 0;
    let socket;
    try {
      socket = this.#dial(this.#url, ["parley.v1.json", `bearer.${this.#token}`]);
    } catch { // the token has characters that a header may not have
      this.stop(Reason.token);
      return;
    }
    this.#socket = socket;
    // A socket that was given up may still speak: only the present one is listened to.
    const present = (act) => (event) => { if (socket === this.#socket) act(event); };
    socket.onmessage = present((event) => this.#receive(event.data));
    socket.onclose = present((event) => this.#closed(event.code));
    this.#arm("welcome", WELCOME_WITHIN, () => this.#lost());
    this.#enter(State.connecting);
  }

  #receive(text) {
    const frame = JSON.parse(text);
    this.#arm("alive", this.#heartbeat, () => this.#probe());
    switch (frame.type) {
      case "welcome":
        this.#clear("welcome");
        this.#welcomed = Date.now();
        this.#heartbeat = frame.heartbeat_ms || this.#heartbeat;
        this.#enter(State.open);
        this.#on.onWelcome(frame);
        break;
      case "ok":
        this.#settle(frame.id, (answer) => {
          answer.take(frame);
          answer.resolve(frame);
        });
        break;
      case "error":
        if (frame.id === undefined) this.#on.onFrame(frame);
        else this.#settle(frame.id, (answer) => answer.reject(new Refused(frame)));
        break;
      case "drain":
        this.#drainUntil = Date.now() + frame.reconnect_in_ms;
        this.#arm("drain", frame.reconnect_in_ms, () => this.#lost());
        break;
      default:
        this.#on.onFrame(frame);
    }
  }

  #settle(id, act) {
    const answer = this.#answers.get(id);
    if (!answer) return false;
    this.#answers.delete(id);
    clearTimeout(answer.timer);
    act(answer);
    return true;
  }

  // Browsers answer the server's pings unseen, and may take minutes to notice a dead network; so silence is probed.
  #probe() {
    this.#arm("alive", PONG_WITHIN, () => this.#lost());
    this.tell({ type: "ping", id: "alive" });
  }

  #lost() {
    this.#closed(1006);
  }

  async #closed(code) {
    const welcomed = this.#welcomed;
    const drainUntil = this.#drainUntil;
    this.#abandon();
    if (FINAL.has(code)) {
      this.#enter(State.stopped, { reason: FINAL.get(code) });
      return;
    }
    if (welcomed && Date.now() - welcomed > STEADY_AFTER) this.#attempt = 0;
    if (code === IMPATIENT) this.#attempt = Math.max(this.#attempt, 5);
    const wait = drainUntil ? Math.max(0, drainUntil - Date.now()) : backoff(this.#attempt++);
    this.#drainUntil = drainUntil;
    this.#arm("retry", wait, () => this.#connect());
    this.#enter(State.waiting, { retryAt: Date.now() + wait });

    if (!welcomed && (await this.#on.tokenRefused()) && this.state !== State.stopped && !this.#welcomed) {
      this.stop(Reason.token);
    }
  }

  // Lets go of the socket and of all that waits for it.
  #abandon() {
    Object.keys(this.#timers).forEach((name) => this.#clear(name));
    const socket = this.#socket;
    this.#socket = null;
    this.#welcomed = 0;
    socket?.close();
    for (const id of [...this.#answers.keys()]) this.#settle(id, (answer) => answer.reject(new Unanswered()));
  }

  #enter(state, { reason = null, retryAt = 0 } = {}) {
    Object.assign(this, { state, reason, retryAt });
    this.#on.onState(this);
  }

  #arm(name, ms, act) {
    this.#clear(name);
    this.#timers[name] = setTimeout(act, ms);
  }

  #clear(name) {
    clearTimeout(this.#timers[name]);
  }
}
