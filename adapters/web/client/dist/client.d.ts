import { type Socket, type Status } from "./connection.js";
import { type Ask } from "./http.js";
import { Observable } from "./observable.js";
import { type Person } from "./people.js";
import type { Author, Entry, Limits, NewRoom } from "./protocol.js";
import { Room } from "./room.js";
import { RoomList } from "./rooms.js";
import { type Found, type SearchOptions } from "./search.js";
import { type Storage } from "./storage.js";
import { type GetToken } from "./tokens.js";
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
export declare class Client extends Observable<ClientSnapshot> {
    #private;
    constructor({ url, getToken, storage, user, WebSocket, fetch: fetcher }: ClientOptions);
    /**
     * The room, which is followed from now on. It is the same object for the same id. A connection may
     * follow `limits.rooms`: beyond that, those rest that nobody looks at and that were used longest ago.
     */
    room(id: string): Room;
    /** The room as far as it is known, whether it is followed or not. */
    peek(id: string): Room;
    /** My rooms. They are loaded at first use, and kept up to date from then on. */
    get rooms(): RoomList;
    /** Follows a room no longer; I stay a member. */
    leave(id: string): void;
    /** Makes a room, of which I am a moderator. Its topic and picture are set later. */
    createRoom(room: NewRoom): Promise<Room>;
    /**
     * Finds messages. Words must all be there; `"a phrase"` as it stands, `-not` must not be there,
     * `pre*` is how a word begins. Only where `features` has `search`, or it is `unsupported`.
     */
    search(q: string, options?: SearchOptions): Promise<Found>;
    /** Asks over HTTP for what this library has no method for: `client.ask("GET", "v1/users/bob")`. */
    ask(method: string, path: string, ask?: Ask): Promise<any>;
    /**
     * What a user is called, or their id. A name that is not known is asked for: when it is there, this
     * client's snapshot is another.
     */
    name(user: string): string;
    /**
     * A user with what is known of them, their picture for example. What is not known is asked for: when
     * it is there, and when it changes, this client's snapshot is another.
     */
    person(user: string): Person;
    /**
     * Calls the listener with each entry of all rooms that are followed, as it comes, after the rooms
     * have applied it; also with what was missed while there was no connection. Returns what ends it.
     */
    onEntry(listener: (room: string, entry: Entry) => void): () => void;
    /** How many frames of types that this library does not know came, by type. */
    get ignored(): ReadonlyMap<string, number>;
    /** Tries again at once: after the client stopped for good, or while it waits. */
    reconnect(): void;
    /** Ends it. What was not sent stays in the storage. */
    destroy(): void;
}
/** Connects to a service, and stays connected until `destroy`. */
export declare const createClient: (options: ClientOptions) => Client;
