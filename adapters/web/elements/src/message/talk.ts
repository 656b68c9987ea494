import type { Message } from "@parley-chat/client";

/** What messages and their actions ask of the room's view around them. */
export interface Talk {
  goTo(seq: number): void;
  reply(message: Message): void;
  edit(message: Message): void;
}
