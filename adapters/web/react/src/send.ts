// What is done in a room.
import { type Room } from "@parley-chat/client";
import { useMemo } from "react";
import { useClient } from "./provider.ts";

/** A room's commands: they are the client's, and each is shown at once. */
export type Commands = Pick<Room,
  "send" | "edit" | "delete" | "react" | "pin" | "unpin" | "set" | "retry" | "discard" | "typing" | "markRead">;

const NAMES = ["send", "edit", "delete", "react", "pin", "unpin", "set", "retry", "discard", "typing", "markRead"] as const;

/**
 * The commands of a room: the same object as long as the room and the client are the same. The
 * component does not render for what they do. They throw where there is no client yet: during the
 * first render, and on a server.
 */
export function useSend(room: string): Commands {
  const client = useClient();
  return useMemo(() => {
    const command = (name: (typeof NAMES)[number]) => (...args: unknown[]) => {
      if (!client) throw new Error(`${name}: there is no client before the provider is shown`);
      return (client.room(room)[name] as (...args: unknown[]) => unknown)(...args);
    };
    return Object.fromEntries(NAMES.map((name) => [name, command(name)])) as unknown as Commands;
  }, [client, room]);
}
