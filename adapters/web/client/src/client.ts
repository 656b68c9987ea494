// The client: all rooms over one connection.
import { Connection, type Socket, type Status } from "./connection.ts";
import type { ParleyError } from "./errors.ts";
import { Following } from "./following.ts";
import type { Host } from "./host.ts";
import { Http } from "./http.ts";
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
  /** Who I am, once the service has said so. */
  readonly me: Author | undefined;
  /** What the service can do beyond v1 as it was first published. */
  readonly features: ReadonlySet<string>;
  readonly limits: Limits | undefined;
}

export class Client {
  #view = new Observable<ClientSnapshot>(() => this.#snapshot());
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
  #people = new People((ids) => this.#askPeople(ids), () => this.#view.changed());
  #following = new Following(() => this.#list?.latest ?? []);
  #warned = new Set<string>();
  #ignored = new Map<string, number>();
  #entries = new Set<(room: string, entry: Entry) => void>();
  #destroyed = false;
  #deaf: () => void;

  constructor({ url, getToken, storage = memoryStorage(), user = "", WebSocket = globalThis.WebSocket, fetch: fetcher }: ClientOptions) {
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
      onStatus: () => this.#statusChanged(),
      onWelcome: (welcome) => this.#welcome(welcome),
      onFrame: (frame) => this.#receive(frame),
      refusal: (token) => this.#http.refusal(token),
    });
    this.#outbox = new Outbox({
      storage,
      request: (command, take) => this.#connection.request(command, take),
      applied: (room, seq) => !this.#known.get(room)?.expects(seq),
      changed: (room) => this.#known.get(room)?.touch(),
    }, user);
    this.#host = this.#asHost(storage);
    this.#deaf = listen(() => this.#connection.wake());
    this.#connection.start();
  }

  readonly subscribe = this.#view.subscribe;
  readonly getSnapshot = this.#view.getSnapshot;

  /** Resolves with the first snapshot, from now on, of which `holds` is true. */
  until(holds: (snapshot: ClientSnapshot) => boolean): Promise<ClientSnapshot> {
    return this.#view.until(holds);
  }

  /**
   * The room, which is followed from now on. It is the same object for the same id. A connection may
   * follow `limits.rooms`: beyond that, those rest that nobody looks at and that were used longest ago.
   */
  room(id: string): Room {
    const room = this.#room(id);
    this.#following.use(room);
    room.join(); // once more, if it was refused
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
      if (this.#host.open) void this.#list.load();
    }
    return this.#list;
  }

  /** Follows a room no longer; I stay a member. */
  leave(id: string): void {
    this.#connection.tell({ type: "leave", room: id });
    const room = this.#known.get(id);
    if (room) this.#following.forget(room);
    room?.destroy();
    this.#known.delete(id);
    this.#list?.remove(id);
  }

  /** Makes a room, of which I am a moderator. Its topic and picture are set later. */
  async createRoom(room: NewRoom): Promise<Room> {
    const view = (await this.#http.ask("POST", "v1/rooms", { body: room })) as RoomView;
    const made = this.room(view.room);
    made.describe(view);
    await this.#list?.add(view.room);
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
  ask(method: string, path: string, ask?: Parameters<Http["ask"]>[2]): Promise<any> {
    return this.#http.ask(method, path, ask);
  }

  /**
   * What a user is called, or their id. A name that is not known is asked for: when it is there, this
   * client's snapshot is another.
   */
  name(user: string): string {
    return this.#people.name(user);
  }

  /**
   * A user with what is known of them, their picture for example. What is not known is asked for: when
   * it is there, and when it changes, this client's snapshot is another.
   */
  person(user: string): Person {
    return this.#people.person(user);
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
    if (this.#connection.status.state === "stopped") this.#connection.start();
    else this.#connection.wake();
  }

  /** Ends it. What was not sent stays in the storage. */
  destroy(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    this.#deaf();
    this.#connection.stop();
    this.#http.end();
    this.#list?.destroy();
    for (const room of this.#known.values()) room.destroy();
  }

  // ─── connection ───

  #statusChanged(): void {
    const { status } = this.#connection;
    if (status.state !== "open") {
      if (status.error) this.#warn(status.error);
      this.#outbox.close();
      for (const room of this.#known.values()) room.interrupted();
    }
    this.#view.changed();
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
      this.#connection.stop("user");
      return;
    }
    this.#me = user;
    this.#features = new Set(features);
    this.#limits = limits;
    this.#people.learn(user);
    this.#people.forgetAsked();
    if (this.#log && this.#log !== log) {
      this.#list?.reset();
      for (const room of this.#known.values()) room.reset();
    }
    this.#log = log;
    this.#view.changed();
    this.#following.begin(limits?.rooms);
    void this.#list?.load();
    void this.#outbox.open(user.id, log);
  }

  #receive(frame: Frame): void {
    const { type, room } = frame;
    if (type === "added") void this.#list?.add(room!);
    else if (type === "user") {
      this.#people.take(frame["user"]);
      this.#view.changed();
    }
    else if (type === "error") this.#ignore(`error ${frame["code"]}`); // of a command that wanted no answer
    else if (room === undefined) this.#ignore(type);
    else {
      this.#known.get(room)?.receive(frame);
      if (type === "left") this.#list?.remove(room);
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
      storage,
      http: this.#http,
      outbox: this.#outbox,
      get me() { return client.#me; },
      get log() { return client.#log; },
      get open() { return client.#connection.status.state === "open"; },
      get destroyed() { return client.#destroyed; },
      get features() { return client.#features; },
      request: (command, take) => this.#connection.request(command, take),
      tell: (command) => this.#connection.tell(command),
      follows: (room) => this.#following.has(room),
      use: (room) => this.#following.use(room),
      listed: () => this.#following.choose(),
      mine: (room) => this.#list?.mine(room),
      learn: (author) => this.#people.learn(author),
      ignored: (type) => this.#ignore(type),
      came: (room, entry) => { for (const listener of [...this.#entries]) listener(room, entry); },
      roomChanged: (room) => this.#list?.touch(room),
    };
  }

  async #askPeople(ids: string[]): Promise<Told> {
    if (!this.#features.has("people")) return { users: [] };
    return (await this.#connection.request({ type: "users", ids })) as unknown as Told;
  }

  #ignore(type: string): void {
    // A service may name types as it likes: their number is bounded.
    if (this.#ignored.has(type) || this.#ignored.size < 100) this.#ignored.set(type, (this.#ignored.get(type) ?? 0) + 1);
  }

  #snapshot(): ClientSnapshot {
    return {
      status: this.#connection.status,
      me: this.#log ? this.#me : undefined,
      features: this.#features,
      limits: this.#limits,
    };
  }
}

/** Connects to a service, and stays connected until `destroy`. */
export const createClient = (options: ClientOptions): Client => new Client(options);
