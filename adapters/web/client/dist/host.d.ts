import type { Http } from "./http.js";
import type { Outbox } from "./outbox.js";
import type { Author, Entry } from "./protocol.js";
import type { Room } from "./room.js";
import type { Storage } from "./storage.js";
import type { Line } from "./stream.js";
/** What a room needs of its client. */
export interface Host extends Line {
    readonly me: Author;
    readonly log: string;
    readonly features: ReadonlySet<string>;
    readonly storage: Storage;
    readonly http: Http;
    readonly outbox: Outbox;
    /** The room is followed. */
    follows(room: Room): boolean;
    /** The application uses the room: it is followed from now on. */
    use(room: Room): void;
    /** The list of rooms has others. */
    listed(): void;
    /** I have said or done something in the room: it is one of mine. */
    mine(room: Room): void;
    learn(author: Author): void;
    ignored(type: string): void;
    /** An entry came, and is applied. */
    came(room: string, entry: Entry): void;
    roomChanged(room: Room): void;
}
