import { type Message } from "./message.js";
import { type Author, type Entry, type Frame, type Role, type RoomView, type Slot } from "./protocol.js";
/** A user's place in a room: a role, or a ban. */
export interface Member {
    readonly user: string;
    readonly role?: Role;
    readonly banned?: boolean;
}
export declare const TYPING_LASTS = 6000;
export declare class RoomState {
    #private;
    name: string;
    topic: string | undefined;
    avatar: string | undefined;
    custom: Readonly<Record<string, unknown>>;
    sets: readonly Slot[];
    public: boolean;
    archived: boolean;
    role: Role | undefined;
    /** My read mark. */
    read: number;
    last: Message | undefined;
    activeAt: string | undefined;
    /** Undefined until they are loaded. */
    members: ReadonlyMap<string, Member> | undefined;
    pins: readonly Message[] | undefined;
    /** Who is there, id to name; `total` may be more in a crowd. */
    presence_: {
        readonly users: ReadonlyMap<string, string>;
        readonly total: number;
    };
    marks: ReadonlyMap<string, number>;
    /** Who types now, but me. */
    typists_: readonly string[];
    /** `unread` may be wrong, and more: the service has to be asked. */
    stale_: boolean;
    constructor(me: () => string);
    get unread(): number;
    /** Takes over how the service shows the room. */
    describe_(view: RoomView): void;
    /** Applies an entry: it is behind all that were applied before, or repeats one of them. */
    apply_(entry: Entry): void;
    /** A message is pinned that was not. */
    pin_(message: Message): void;
    /** I have read up to there. */
    mark_(seq: number): void;
    /** Takes a signal; returns whether it knew it. */
    signal_({ type, user, on, online, seq }: Frame, now?: number): boolean;
    arrive_(users: readonly Author[], total: number): void;
    /** Signals end with the connection: nobody knows who is there, or typing. */
    silence_(): void;
    /** Drops who has stopped typing. Returns when to look again, in ms, or Infinity. */
    expire_(now?: number): number;
}
export declare const later: (a: string | undefined, b: string | undefined) => string | undefined;
