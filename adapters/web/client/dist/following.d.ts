import type { Room } from "./room.js";
export declare class Following {
    #private;
    /** `listed` gives the rooms of the list, the latest first. */
    constructor(listed: () => readonly Room[]);
    /** The application uses it: it is followed from now on. */
    use(room: Room): void;
    has(room: Room): boolean;
    /** It is no room of this client any more. */
    forget(room: Room): void;
    /** There is a new connection, which may follow so many. */
    begin(limit: number | undefined): void;
    /** Chooses anew: the last used, what is looked at, what else was used, what moved last. */
    choose(): void;
}
