import type { Http } from "./http.js";
import type { Outbox } from "./outbox.js";
import type { Author, Entry } from "./protocol.js";
import type { Room } from "./room.js";
import type { Storage } from "./storage.js";
import type { Line } from "./stream.js";
/** What a room needs of its client. */
export interface Host extends Line {
    readonly me_: Author;
    readonly log_: string;
    readonly features_: ReadonlySet<string>;
    readonly storage_: Storage;
    readonly http_: Http;
    readonly outbox_: Outbox;
    /** The room is followed. */
    follows_(room: Room): boolean;
    /** The application uses the room: it is followed from now on. */
    use_(room: Room): void;
    /** The list of rooms has others. */
    listed_(): void;
    /** I have said or done something in the room: it is one of mine. */
    mine_(room: Room): void;
    learn_(author: Author): void;
    ignored_(type: string): void;
    /** An entry came, and is applied. */
    came_(room: string, entry: Entry): void;
    roomChanged_(room: Room): void;
}
