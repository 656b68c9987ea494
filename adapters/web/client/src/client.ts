// The client: all rooms over one connection.
import { Connection, type Socket, type Status } from "./connection.ts";
import type { ParleyError } from "./errors.ts";
import { Following } from "./following.ts";
import type { Host } from "./host.ts";
import { Http, type Ask } from "./http.ts";
import { Observable } from "./observable.ts";
import { Outbox } from "./outbox.ts";
import { People, type Person, type Told } from "./people.ts";
import type { Author, Entry, Frame, Limits, NewRoom, RoomView, Welcome } from "./protocol.ts";
import { Room } from "./room.ts";
import { RoomList } from "./rooms.ts";
import { search, type Found, type SearchOptions } from "./search.ts";
import { memoryStorage, type Storage } from "./storage.ts";
import { Tokens, type GetToken } from "./tokens.ts";
import { listen } from "./wake.ts";

export interface ClientOptions {
  /** Where the service is: `https://chat.example.com`, with a path if it has one. */
  readonly url: string | URL;
  readonly getToken: GetToken;
  /** Keeps unsent messages and cursors; in memory unless given. */
  readonly storage?: Storage;
  /**
   * Who is signed in, if the application knows: then what is sent before the first connection
   * outlives a reload too.
   */
  readonly user?: string;
  /** Where there is none, as in Node 20: that of `ws`. */
  readonly WebSocket?: new (url: string, protocols: string[]) => Socket;
  readonly fetch?: typeof fetch;
}

export interface ClientSnapshot {
  readonly status: Status;
  /** Who I am: as the token says it, and then the service. */
  readonly me: Author | undefined;
  /** What the service can do beyond v1 as it was first published. */
  readonly features: ReadonlySet<string>;
  readonly limits: Limits | undefined;
}

export class Client extends Observable<ClientSnapshot> {
  #connection: Connection;
  #http: Http;
  #outbox: Outbox;
  #host: Host;
  #known = new Map<string, Room>();
  #list: RoomList | undefined;
  #me: Author;
  #log = "";
  #features: ReadonlySet<string> = new Set();
  #limits: Limits | undefined;
  #people = new People((ids) => this.#askPeople(ids), () => this.changed_());
  #following = new Following(() => this.#list?.latest_ ?? []);
  #warned = new Set<string>();
  #ignored = new Map<string, number>();
  #entries = new Set<(room: string, entry: Entry) => void>();
  #destroyed = false;
  #deaf: () => void;

  constructor({ url, getToken, storage = memoryStorage(), user = "", WebSocket = globalThis.WebSocket, fetch: fetcher }: ClientOptions) {
    super();
    if (!WebSocket) throw new TypeError("no WebSocket: give one, that of `ws` for example");
    const base = new URL(url, globalThis.location?.href);
    base.protocol = base.protocol.replace(/^ws/, "http");
    base.pathname = base.pathname.replace(/\/?$/, "/");
    base.search = base.hash = "";
    const socket = new URL("ws", base);
    socket.protocol = base.protocol.replace(/^http/, "ws");
    const tokens = new Tokens(getToken);
    this.#me = { id: user, name: user };
    this.#http = new Http(base.href, tokens, fetcher ?? ((...ask) => fetch(...ask)));
    this.#connection = new Connection(socket.href, tokens, (to, protocols) => new WebSocket(to, protocols), {
      onStatus_: () => this.#statusChanged(),
      onToken_: () => this.#claimed(tokens.claims_()),
      onWelcome_: (welcome) => this.#welcome(welcome),
      onFrame_: (frame) => this.#receive(frame),
      refusal_: (token) => this.#http.refusal_(token),
    });
    this.#outbox = new Outbox({
      storage_: storage,
      request_: (command, take) => this.#connection.request_(command, take),
      applied_: (room, seq) => !this.#known.get(room)?.expects_(seq),
      changed_: (room) => {
        this.#list?.unsent_(room);
        this.#known.get(room)?.touch_();
      },
    }, user);
    this.#host = this.#asHost(storage);
    this.#deaf = listen(() => this.#connection.wake_());
    this.#connection.start_();
  }

  /**
   * The room, which is followed from now on. It is the same object for the same id. A connection may
   * follow `limits.rooms`: beyond that, those rest that nobody looks at and that were used longest ago.
   */
  room(id: string): Room {
    const room = this.#room(id);
    this.#following.use_(room);
    room.join_(); // once more, if it was refused
    return room;
  }

  /** The room as far as it is known, whether it is followed or not. */
  peek(id: string): Room {
    return this.#room(id);
  }

  /** My rooms. They are loaded at first use, and kept up to date from then on. */
  get rooms(): RoomList {
    if (!this.#list) {
      this.#list = new RoomList(this.#host, (id) => this.#room(id));
      for (const room of this.#outbox.rooms_) this.#list.unsent_(room);
      if (this.#host.open_) void this.#list.load_();
    }
    return this.#list;
  }

  /** Follows a room no longer; I stay a member. */
  leave(id: string): void {
    this.#connection.tell_({ type: "leave", room: id });
    const room = this.#known.get(id);
    if (room) this.#following.forget_(room);
    room?.destroy_();
    this.#known.delete(id);
    this.#list?.remove_(id);
  }

  /** Makes a room, of which I am a moderator. Its topic and picture are set later. */
  async createRoom(room: NewRoom): Promise<Room> {
    const view = (await this.#http.ask_("POST", "v1/rooms", { body: room })) as RoomView;
    const made = this.room(view.room);
    made.describe_(view);
    await this.#list?.add_(view.room);
    return made;
  }

  /**
   * Finds messages. Words must all be there; `"a phrase"` as it stands, `-not` must not be there,
   * `pre*` is how a word begins. Only where `features` has `search`, or it is `unsupported`.
   */
  search(q: string, options?: SearchOptions): Promise<Found> {
    return search(this.#host, q, options);
  }

  /** Asks over HTTP for what this library has no method for: `client.ask("GET", "v1/users/bob")`. */
  ask(method: string, path: string, ask?: Ask): Promise<any> {
    return this.#http.ask_(method, path, ask);
  }

  /**
   * What a user is called, or their id. A name that is not known is asked for: when it is there, this
   * client's snapshot is another.
   */
  name(user: string): string {
    return this.#people.name_(user);
  }

  /**
   * A user with what is known of them, their picture for example. What is not known is asked for: when
   * it is there, and when it changes, this client's snapshot is another.
   */
  person(user: string): Person {
    return this.#people.person_(user);
  }

  /**
   * Calls the listener with each entry of all rooms that are followed, as it comes, after the rooms
   * have applied it; also with what was missed while there was no connection. Returns what ends it.
   */
  onEntry(listener: (room: string, entry: Entry) => void): () => void {
    const own: typeof listener = (room, entry) => listener(room, entry); // the same may listen twice
    this.#entries.add(own);
    return () => void this.#entries.delete(own);
  }

  /** How many frames of types that this library does not know came, by type. */
  get ignored(): ReadonlyMap<string, number> {
    return this.#ignored;
  }

  /** Tries again at once: after the client stopped for good, or while it waits. */
  reconnect(): void {
    if (this.#destroyed) return;
    if (this.#connection.status_.state === "stopped") this.#connection.start_();
    else this.#connection.wake_();
  }

  /** Ends it. What was not sent stays in the storage. */
  destroy(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    this.#deaf();
    this.#connection.stop_();
    this.#http.end_();
    this.#list?.destroy_();
    for (const room of this.#known.values()) room.destroy_();
  }

  // ─── connection ───

  #statusChanged(): void {
    const { status_: status } = this.#connection;
    if (status.state !== "open") {
      if (status.error) this.#warn(status.error);
      this.#outbox.close_();
      for (const room of this.#known.values()) room.interrupted_();
    }
    this.changed_();
  }

  // Until the service says who I am, what is unsent is shown to whom the token names.
  #claimed({ sub, name }: ReturnType<Tokens["claims_"]>): void {
    if (this.#log) return;
    if (typeof sub === "string" && sub !== this.#me.id) {
      this.#me = { id: sub, name: typeof name === "string" ? name : sub };
      this.changed_();
    }
    if (this.#me.id) void this.#outbox.recall_(this.#me.id);
  }

  // Once for each reason: who builds a page looks into the console first.
  #warn({ code, message }: ParleyError): void {
    const why = `${code}: ${message}`;
    if (this.#warned.has(why)) return;
    this.#warned.add(why);
    console.warn(`Parley: ${why}`);
  }

  #welcome({ user, log, features, limits }: Welcome): void {
    if (this.#log && this.#me.id !== user.id) { // what is here is not theirs
      this.#connection.stop_("user");
      return;
    }
    this.#me = user;
    this.#features = new Set(features);
    this.#limits = limits;
    this.#people.learn_(user);
    this.#people.forgetAsked_();
    if (this.#log && this.#log !== log) {
      this.#list?.reset_();
      for (const room of this.#known.values()) room.reset_();
    }
    this.#log = log;
    this.changed_();
    this.#following.begin_(limits?.rooms);
    void this.#list?.load_();
    void this.#outbox.open_(user.id, log);
  }

  #receive(frame: Frame): void {
    const { type, room } = frame;
    if (type === "added") void this.#list?.add_(room!);
    else if (type === "user") {
      this.#people.take_(frame["user"]);
      this.changed_();
    }
    else if (type === "error") this.#ignore(`error ${frame["code"]}`); // of a command that wanted no answer
    else if (room === undefined) this.#ignore(type);
    else {
      this.#known.get(room)?.receive_(frame);
      if (type === "left") this.#list?.remove_(room);
    }
  }

  // ─── rooms ───

  #room(id: string): Room {
    let room = this.#known.get(id);
    if (!room) this.#known.set(id, (room = new Room(id, this.#host)));
    return room;
  }

  #asHost(storage: Storage): Host {
    const client = this;
    return {
      storage_: storage,
      http_: this.#http,
      outbox_: this.#outbox,
      get me_() { return client.#me; },
      get log_() { return client.#log; },
      get open_() { return client.#connection.status_.state === "open"; },
      get destroyed_() { return client.#destroyed; },
      get features_() { return client.#features; },
      request_: (command, take) => this.#connection.request_(command, take),
      tell_: (command) => this.#connection.tell_(command),
      follows_: (room) => this.#following.has_(room),
      use_: (room) => this.#following.use_(room),
      listed_: () => this.#following.choose_(),
      mine_: (room) => this.#list?.mine_(room),
      learn_: (author) => this.#people.learn_(author),
      ignored_: (type) => this.#ignore(type),
      came_: (room, entry) => { for (const listener of [...this.#entries]) listener(room, entry); },
      roomChanged_: (room) => this.#list?.touch_(room),
    };
  }

  async #askPeople(ids: string[]): Promise<Told> {
    if (!this.#features.has("people")) return { users: [] };
    return (await this.#connection.request_({ type: "users", ids })) as unknown as Told;
  }

  #ignore(type: string): void {
    // A service may name types as it likes: their number is bounded.
    if (this.#ignored.has(type) || this.#ignored.size < 100) this.#ignored.set(type, (this.#ignored.get(type) ?? 0) + 1);
  }

  /** @internal */
  override show_(): ClientSnapshot {
    return {
      status: this.#connection.status_,
      me: this.#me.id ? this.#me : undefined,
      features: this.#features,
      limits: this.#limits,
    };
  }
}

/** Connects to a service, and stays connected until `destroy`. */
export const createClient = (options: ClientOptions): Client => new Client(options);
