import type { ClientSnapshot, Person, RoomSnapshot, RoomsSnapshot } from "@parley-chat/client";
/** Whether there is a connection, who I am, and what the service can do. */
export declare function useConnection(): ClientSnapshot;
export interface Rooms extends RoomsSnapshot {
    /** Loads the next page. */
    more(): Promise<void>;
}
/** My rooms with last message and unread count, the latest first. */
export declare function useRooms(): Rooms;
/** A room's name, topic, picture, unread count and so on; it is followed from now on. */
export declare function useRoom(id: string): RoomSnapshot;
/** Who types there, but me; the component does not render for anything else. */
export declare function useTyping(room: string): readonly Person[];
export interface Presence {
    /** Some of them in a crowd. Their pictures: `usePerson`. */
    readonly users: readonly {
        readonly id: string;
        readonly name: string;
    }[];
    readonly total: number;
}
/** Who is there. */
export declare function usePresence(room: string): Presence;
/** A user's name and picture. What is not known is asked for, and shown when it is there. */
export declare function usePerson(id: string): Person;
