// The chat without its looks: all rooms over one connection. Views read its fields, call its methods and listen to its events:
//   state            the connection's state                     rooms          the list of rooms or what it shows of one
//   log {room}       the room's entries, outbox or errors       signals {room} who is there, who is typing
//   news {room, entry}  a message by somebody else came         trouble {error}  something failed that nobody waited for
import { Connection, State } from "./connection.js";
import { Outbox } from "./outbox.js";
import { Room, TYPING_LASTS } from "./room.js";

const PAGE = 50;
const LONG_PAGE = 200; // the most that the service gives at once
const SHOWN_AT_FIRST = 30; // messages that a room should show when it is opened, if it has them
const WATCHED = 100; // rooms that are joined for their unread counts
const KEEP_ASIDE = 200; // items of rooms that are not open
const KEEP_OPEN = 1_000; // items of the open room, once there are half as many again
const TYPING_EVERY = 3_000;
const RETRY_AFTER = 2_000;

const SIGNALS = ["typing", "presence", "read"];

const ROOM_ID = /^[a-z0-9][a-z0-9._:-]{0,63}$/;

/** A room id from what somebody typed, or "" where there is none in it. */
export function roomID(text) {
  const id = text.trim().replace(/^#/, "").toLowerCase().replace(/\s+/g, "-");
  return ROOM_ID.test(id) ? id : "";
}

export class Chat extends EventTarget {
  me = null; // {id, name} once welcomed
  limits = { body_chars: 4_000 };
  features = []; // what the service can do beyond the first version
  rooms = new Map(); // id → Room
  current = ""; // the id of the open room
  seeing = () => false; // set by the view: whether the reader looks at the end of the open room, now

  #http;
  #local; // localStorage or its like
  #tab; // sessionStorage or its like
  #names = new Map();
  #log; // which log what is here came from
  #listed = false;
  #typedAt = 0;
  #asking = 0;

  constructor({ url, http, local, tab, dial }) {
    super();
    this.#http = http;
    this.#local = local;
    this.#tab = tab;
    this.connection = new Connection({
      url,
      dial,
      onState: () => this.#stateChanged(),
      onWelcome: (frame) => this.#welcome(frame),
      onFrame: (frame) => this.#receive(frame),
      tokenRefused: () => http.tokenRefused(),
    });
  }

  start(token) {
    this.connection.start(token);
  }

  /** Ends the connection and forgets whose it was. */
  signOut() {
    this.connection.stop();
    this.me = null;
    this.rooms.clear();
    this.current = "";
  }

  get room() {
    return this.rooms.get(this.current);
  }

  name(user) {
    return this.#names.get(user) || user;
  }

  // ─── rooms ───

  /** Opens a room, and comes to know it if it is new. */
  open(id) {
    this.current = id;
    if (!this.me || !id) return;
    const known = this.rooms.has(id);
    const room = this.#room(id);
    this.#remember(id);
    if (!known) this.#emit("rooms");
    room.divide();
    if (room.joined) this.#arrived(room);
    else if (this.connection.state === State.open) this.#join(room);
  }

  leave(id) {
    this.connection.tell({ type: "leave", room: id });
    this.rooms.delete(id);
    this.#recall((memory) => {
      memory.rooms = memory.rooms.filter((one) => one !== id);
      memory.hidden = [...new Set([...memory.hidden, id])];
    });
    if (this.current === id) this.current = "";
    this.#emit("rooms");
  }

  /** Loads the page of history before what is loaded; more pages where they show too little. */
  async older(id, { least = PAGE / 2, limit = PAGE } = {}) {
    const room = this.rooms.get(id);
    if (!room?.joined || room.loading) return;
    const { log } = room;
    const enough = log.items.length + least;
    room.loading = true;
    this.#emit("log", { room });
    try {
      while (!log.complete && log.items.length < enough) {
        const before = log.oldest;
        await this.connection.request({ type: "history", room: id, before, limit }, (page) => this.#page(room, page, before));
      }
    } catch (error) {
      if (error.code !== "unanswered") this.#emit("trouble", { error });
    } finally {
      room.loading = false;
      this.#emit("log", { room });
    }
  }

  /** Loads history as far back as the entry. Resolves to whether it is there now. */
  async reach(id, seq) {
    const { log } = this.rooms.get(id);
    for (let last = 0; log.oldest > seq && log.oldest !== last; ) {
      last = log.oldest;
      await this.older(id, { least: 1, limit: LONG_PAGE });
    }
    return log.has(seq);
  }

  /** Loads the one message that a reply quotes. */
  async quote(id, seq) {
    const room = this.rooms.get(id);
    const ask = { type: "history", room: id, after: seq - 1, limit: 1 };
    const { entries } = await this.connection.request(ask, (page) => page.entries.forEach((entry) => room.log.quote(entry)));
    if (entries.length > 0) this.#emit("log", { room });
  }

  /** The reader saw everything in the room. */
  see(id) {
    const room = this.rooms.get(id);
    if (!room?.joined || !room.mark(room.log.cursor)) return;
    this.#emit("rooms");
    this.#sendMark(room);
  }

  // ─── messages ───

  send(id, body, replyTo) {
    const room = this.rooms.get(id);
    room.divider = 0;
    this.outbox.add(id, body, replyTo);
    this.#typedAt = 0;
  }

  edit = (id, seq, body) => this.connection.request({ type: "edit", room: id, seq, body });
  remove = (id, seq) => this.connection.request({ type: "delete", room: id, seq });
  react = (id, seq, emoji, remove) => this.connection.request({ type: "react", room: id, seq, emoji, remove });

  /** Tells that I am typing; as often as one likes. */
  typing(id, now = Date.now()) {
    if (now - this.#typedAt < TYPING_EVERY) return;
    this.#typedAt = now;
    this.connection.tell({ type: "typing", room: id });
  }

  /** Tells that I stopped typing. */
  still(id) {
    if (!this.#typedAt) return;
    this.#typedAt = 0;
    this.connection.tell({ type: "typing", room: id, on: false });
  }

  /** Asks who is in the room. */
  async present(id) {
    const room = this.rooms.get(id);
    if (!room?.joined) return;
    try {
      await this.connection.request({ type: "presence", room: id }, ({ users, total }) => {
        users.forEach((user) => this.#learn(user));
        room.people = new Map(users.map((user) => [user.id, user.name || user.id]));
        room.total = total;
      });
      this.#emit("signals", { room });
    } catch { /* it is asked again */ }
  }

  // ─── connecting ───

  #stateChanged() {
    if (this.connection.state !== State.open) {
      for (const room of this.rooms.values()) {
        room.joined = false;
        room.typing.clear();
      }
    }
    this.#emit("state");
  }

  async #welcome({ user, limits, log, features }) {
    const another = this.me?.id !== user.id;
    if (another) this.#become(user);
    else if (log !== this.#log) this.#startAnew();
    this.#log = log;
    this.features = features ?? [];
    Object.assign(this.limits, limits);
    if (!this.#listed) await this.#list();
    if (another && this.current) this.open(this.current);
    this.#joinAll();
  }

  // The service's log is another one than what is here came from: nothing of it counts any more.
  #startAnew() {
    for (const room of this.rooms.values()) {
      room.forget();
      this.#emit("log", { room });
    }
    this.#listed = false;
  }

  #become(user) {
    this.me = user;
    this.rooms.clear();
    this.#learn(user);
    this.#listed = false;
    const key = `parley.outbox.${user.id}`;
    this.outbox = new Outbox({
      request: (frame) => this.connection.request(frame),
      applied: (id, seq) => (this.rooms.get(id)?.log.cursor ?? 0) >= seq,
      changed: (id) => this.rooms.has(id) && this.#emit("log", { room: this.rooms.get(id) }),
      store: {
        load: () => JSON.parse(this.#tab.getItem(key) ?? "[]"),
        save: (items) => this.#tab.setItem(key, JSON.stringify(items)),
      },
    });
    const { rooms } = this.#recall();
    for (const id of [...rooms, ...this.outbox.rooms]) this.#room(id);
    this.#emit("rooms");
  }

  async #list() {
    const { hidden } = this.#recall();
    try {
      for (const summary of await this.#http.rooms()) {
        if (hidden.includes(summary.room) && summary.room !== this.current) continue;
        this.#room(summary.room).list(summary);
      }
      this.#listed = true;
    } catch (error) {
      this.#emit("trouble", { error });
    }
    this.#emit("rooms");
  }

  #joinAll() {
    if (this.connection.state !== State.open) return;
    const most = Math.min(this.limits.rooms || WATCHED, WATCHED);
    const watched = [...this.rooms.values()].slice(0, most);
    new Set([this.room ?? [], watched].flat()).forEach((room) => room.joined || this.#join(room));
  }

  async #join(room) {
    if (room.joining) return;
    room.joining = true;
    const since = room.known ? { after: room.log.cursor } : { limit: 0 };
    let resumed = false;
    try {
      const { truncated } = await this.connection.request({ type: "join", room: room.id, ...since }, (ok) => {
        resumed = room.enter(ok);
      });
      room.joining = false;
      if (truncated) this.#list();
      this.#arrived(room, resumed);
    } catch (error) {
      room.joining = false;
      this.#notJoined(room, error, since);
    }
    this.#emit("rooms");
    this.#emit("log", { room });
  }

  #notJoined(room, error, since) {
    switch (error.code) {
      case "unanswered": // the next welcome joins again
        return;
      case "invalid":
        if (error.ahead) { // the service's log is shorter than ours: it is another one
          room.forget();
          this.#join(room);
          return;
        }
        break;
      case "rate_limited":
      case "unavailable":
        setTimeout(() => this.connection.state === State.open && this.#join(room), error.retryAfter ?? RETRY_AFTER);
    }
    room.error = error;
  }

  // In the room: what waited for that.
  #arrived(room) {
    this.outbox.flush(room.id);
    if (room.read > room.marked) this.#sendMark(room);
    if (room.id !== this.current) return;
    this.present(room.id);
    this.#http.room(room.id).then((about) => this.#describe(room, about), () => {}); // for rooms that are not in my list
    if (room.log.items.length < SHOWN_AT_FIRST) this.older(room.id, { least: SHOWN_AT_FIRST });
    else this.#emit("log", { room });
  }

  async #sendMark(room) {
    if (room.marking) return;
    room.marking = true;
    try {
      while (room.read > room.marked) {
        const { read } = await this.connection.request({ type: "read", room: room.id, seq: room.read });
        room.marked = Math.max(read, room.marked);
      }
    } catch { /* the next mark, or the next connection, makes up for it */ }
    room.marking = false;
  }

  // ─── frames ───

  #receive(frame) {
    if (frame.type === "error") {
      this.#emit("trouble", { error: frame });
      return;
    }
    const room = this.rooms.get(frame.room);
    if (!room) return;
    if (frame.type === "left") this.#left(room, frame);
    else if (frame.seq && frame.author) this.#entry(room, frame);
    else this.#signal(room, frame);
  }

  #entry(room, entry) {
    if (!room.joined) return; // a straggler of a stream that was given up
    this.#learn(entry.author);
    const mine = entry.author.id === this.me.id;
    const seeing = room.id === this.current && this.seeing();
    switch (room.append(entry, seeing)) {
      case "known":
        return;
      case "hole":
        this.#mend(room);
        return;
    }
    this.outbox.seen(entry, mine);
    if (room.id !== this.current) room.log.trim(KEEP_ASIDE);
    else if (seeing && room.log.items.length > KEEP_OPEN * 1.5) room.log.trim(KEEP_OPEN);
    if (seeing) this.see(room.id);
    this.#emit("log", { room });
    if (entry.type === "message" || entry.type === "room") this.#emit("rooms");
    if (entry.type === "message" && !mine && !entry.deleted_at) this.#emit("news", { room, entry });
  }

  // The service promises that this never happens; should it happen, nothing is lost.
  #mend(room) {
    this.connection.tell({ type: "leave", room: room.id });
    room.joined = false;
    this.#join(room);
  }

  // A moderator's doing, or a token's: the other rooms go on.
  #left(room, { message }) {
    Object.assign(room, { joined: false, error: { code: "left", message } });
    room.typing.clear();
    room.people.clear();
    room.total = 0;
    this.#emit("rooms");
    this.#emit("log", { room });
    this.#emit("signals", { room });
  }

  #signal(room, { type, user, on, online, seq }) {
    if (!SIGNALS.includes(type)) return; // of a later version
    if (room.id === this.current && !this.#names.has(user)) this.#askWho(room);
    switch (type) {
      case "typing":
        if (user === this.me.id) return;
        room.typist(user, on);
        setTimeout(() => this.#emit("signals", { room }), TYPING_LASTS + 100);
        break;
      case "presence":
        if (online) room.arrive(user, this.name(user));
        else room.depart(user);
        break;
      case "read":
        if (user === this.me.id && room.mark(seq)) {
          room.marked = Math.max(room.marked, seq);
          this.#emit("rooms");
        }
        return;
    }
    this.#emit("signals", { room });
  }

  // Signals have ids; names come with who is present. Many that arrive at once are one question.
  #askWho(room) {
    clearTimeout(this.#asking);
    this.#asking = setTimeout(() => this.present(room.id), 200);
  }

  #page(room, page, before) {
    for (const { author } of page.entries) if (!this.#names.has(author.id)) this.#learn(author);
    room.log.prepend(page, before);
  }

  // ─── memory ───

  #room(id) {
    if (!this.rooms.has(id)) this.rooms.set(id, new Room(id, this.me.id));
    return this.rooms.get(id);
  }

  #describe(room, { name, public: open, archived }) {
    Object.assign(room, { name: name ?? room.name, public: open ?? room.public, archived: archived ?? room.archived });
    this.#emit("rooms");
  }

  #learn({ id, name }) {
    if (name) this.#names.set(id, name);
  }

  #remember(id) {
    this.#recall((memory) => {
      memory.rooms = [id, ...memory.rooms.filter((one) => one !== id)].slice(0, WATCHED);
      memory.hidden = memory.hidden.filter((one) => one !== id);
    });
  }

  // The rooms that this browser remembers for me, the last opened first, and those that I do not want to see.
  #recall(change) {
    const key = `parley.rooms.${this.me.id}`;
    const memory = { rooms: [], hidden: [], ...JSON.parse(this.#local.getItem(key) ?? "{}") };
    if (change) {
      change(memory);
      this.#local.setItem(key, JSON.stringify(memory));
    }
    return memory;
  }

  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
