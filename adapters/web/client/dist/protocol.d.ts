export interface Author {
    readonly id: string;
    readonly name: string;
}
/** What is known of a user. */
export interface Profile {
    readonly id: string;
    readonly name?: string;
    readonly avatar?: string;
    readonly custom?: Readonly<Record<string, unknown>>;
    /** More with each change. */
    readonly v: number;
}
export interface Reaction {
    readonly emoji: string;
    readonly count: number;
    /** Whether I am among them. */
    readonly me?: boolean;
}
/** What is set on a message or a room. */
export interface Slot {
    readonly set: string;
    readonly slot: string;
    readonly data: unknown;
}
export interface Pin {
    readonly by: string;
    readonly until?: string;
}
export type Role = "read" | "write" | "moderate";
interface Common {
    readonly room: string;
    readonly seq: number;
    /** When it was recorded, RFC 3339 in UTC. */
    readonly at: string;
    readonly author: Author;
    /** The service that acted for the author. */
    readonly via?: string;
}
export interface MessageEntry extends Common {
    readonly type: "message";
    readonly body?: string;
    readonly key?: string;
    readonly reply_to?: number;
    readonly meta?: Readonly<Record<string, unknown>>;
    readonly edited_at?: string;
    readonly deleted_at?: string;
    readonly silent?: boolean;
    readonly reactions?: readonly Reaction[];
    readonly sets?: readonly Slot[];
    readonly pinned?: Pin;
}
export interface EditedEntry extends Common {
    readonly type: "edited";
    readonly target: number;
    readonly body?: string;
}
export interface DeletedEntry extends Common {
    readonly type: "deleted";
    readonly target: number;
}
export interface ReactedEntry extends Common {
    readonly type: "reacted";
    readonly target: number;
    readonly emoji: string;
    readonly removed: boolean;
    readonly count: number;
}
export interface SetEntry extends Common {
    readonly type: "set";
    readonly set: string;
    readonly slot: string;
    readonly target?: number;
    readonly data?: unknown;
}
export interface MemberEntry extends Common {
    readonly type: "member";
    readonly user: string;
    readonly change: "joined" | "left" | "role" | "banned";
    readonly role?: Role;
}
export interface RoomEntry extends Common {
    readonly type: "room";
    readonly change: "renamed" | "published" | "hidden" | "archived" | "unarchived";
    readonly name?: string;
}
/** An entry that sets something on the message `target`. */
export type Change = EditedEntry | DeletedEntry | ReactedEntry | (SetEntry & {
    readonly target: number;
});
export type Entry = MessageEntry | EditedEntry | DeletedEntry | ReactedEntry | SetEntry | MemberEntry | RoomEntry;
/** Whether this library knows what the entry means; later versions of the service have more types. */
export declare const isKnown: (entry: {
    type: string;
}) => boolean;
/** Whether it sets something on a message, in a way that this library knows. */
export declare const isChange: (entry: Entry) => entry is Change;
export interface Limits {
    readonly frame_bytes: number;
    readonly answer_bytes: number;
    readonly body_chars: number;
    readonly rooms: number;
    readonly page: number;
    readonly [name: string]: number;
}
export interface Welcome {
    readonly type: "welcome";
    readonly user: Author;
    readonly heartbeat_ms: number;
    readonly log: string;
    readonly expires_at?: string;
    readonly features: readonly string[];
    readonly limits: Limits;
}
/** A command as this library's callers write it: the connection adds the id. */
export interface Command {
    readonly type: string;
    readonly room?: string;
    readonly [member: string]: unknown;
}
/** An `ok`, whose members depend on the command. */
export interface Ok {
    readonly [member: string]: any;
}
export interface Page {
    readonly head: number;
    readonly entries: readonly Entry[];
    readonly more: boolean;
}
export interface JoinOk {
    readonly log?: string;
    readonly head: number;
    readonly from: number;
    readonly truncated: boolean;
    readonly role: Role;
    readonly read: number;
    readonly marks?: readonly {
        readonly user: string;
        readonly seq: number;
    }[];
}
/** A frame of the service that is no answer. */
export interface Frame {
    readonly type: string;
    readonly room?: string;
    readonly [member: string]: any;
}
/** A room to be made. */
export interface NewRoom {
    readonly room: string;
    readonly name?: string;
    /** Everybody with a token may read and write. */
    readonly public?: boolean;
    readonly members?: readonly {
        readonly user: string;
        readonly role: Role;
    }[];
}
/** A room as `GET /v1/rooms` and `GET /v1/rooms/{room}` show it. */
export interface RoomView {
    readonly room: string;
    readonly name: string;
    readonly public: boolean;
    readonly archived: boolean;
    readonly head: number;
    readonly role: Role;
    readonly read: number;
    readonly unread: number;
    readonly topic?: string;
    readonly avatar?: string;
    readonly custom?: Readonly<Record<string, unknown>>;
    readonly created_at?: string;
    readonly active_at?: string;
    readonly last?: MessageEntry;
}
export {};
