import { type Room } from "@parley-chat/client";
/** A room's commands: they are the client's, and each is shown at once. */
export type Commands = Pick<Room, "send" | "edit" | "delete" | "react" | "pin" | "unpin" | "set" | "retry" | "discard" | "typing" | "markRead">;
/**
 * The commands of a room: the same object as long as the room and the client are the same. The
 * component does not render for what they do. They throw where there is no client yet: during the
 * first render, and on a server.
 */
export declare function useSend(room: string): Commands;
