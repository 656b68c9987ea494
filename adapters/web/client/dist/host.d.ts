import type { Http } from "./http.js";
import type { Outbox } from "./outbox.js";
import type { Author } from "./protocol.js";
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
    learn(author: Author): void;
    ignored(type: string): void;
    roomChanged(room: Room): void;
}
