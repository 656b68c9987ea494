import type { Client, GetToken, MessageEntry } from "@parley-chat/client";
import type { Strings } from "../strings/index.js";
/** The events of all elements: each is a `CustomEvent` that bubbles, also out of shadow trees. */
export interface ParleyEvents {
    /** A message has come into one of the rooms; also one of mine. */
    "parley-message": {
        readonly room: string;
        readonly message: MessageEntry;
    };
    /** How many messages are unread, in all rooms and in each. */
    "parley-unread": {
        readonly total: number;
        readonly rooms: Readonly<Record<string, number>>;
    };
    /** Another room is shown, or none. */
    "parley-room": {
        readonly room: string | undefined;
    };
    /** The connection's state. */
    "parley-status": {
        readonly state: "connecting" | "open" | "waiting" | "stopped";
        /** Why it has stopped. */
        readonly reason?: string;
        /** Why the service refused the last attempts, as it says it: to programs, and to people. */
        readonly code?: string;
        readonly message?: string;
    };
}
declare const Base: typeof HTMLElement;
/** The base of the elements. It draws nothing by itself. */
export declare class ParleyElement extends Base {
    #private;
    static observedAttributes: string[];
    constructor();
    /** Gives tokens, as that of `createClient`. Elements with the same function share a connection. */
    get getToken(): GetToken | undefined;
    set getToken(give: GetToken | undefined);
    /** A client of the page's own, in place of `url` and `getToken`. It is the page's to destroy. */
    get client(): Client | undefined;
    set client(client: Client | undefined);
    /** Words in place of those of the element's language. */
    get strings(): Partial<Strings>;
    set strings(strings: Partial<Strings> | undefined);
    /** Makes the address of a message, for "copy link"; the page's, with `#parley/<room>/<seq>`, by itself. */
    get link(): ((room: string, seq: number) => string) | undefined;
    set link(link: ((room: string, seq: number) => string) | undefined);
    /** Where the service is: of the page's own origin unless it is set. */
    get url(): string;
    set url(url: string);
    /** The room that is shown, or "": also one that was chosen from the list. */
    get room(): string;
    set room(room: string);
    /** `light`, `dark`, `contrast`, or as the system says. */
    get theme(): string;
    set theme(theme: string);
    /** How many messages are unread, in all rooms that are not muted. */
    get unread(): number;
    /** Shows a room, at a message if `seq` is given; none, if `room` is empty. */
    open(room: string, seq?: number): void;
    /** Focuses what one goes on with: where one writes, or what there is to choose. */
    focus(options?: FocusOptions): void;
    connectedCallback(): void;
    disconnectedCallback(): void;
    attributeChangedCallback(name: string, before: string | null, now: string | null): void;
}
export {};
