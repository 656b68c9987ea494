import { h, type ComponentChild } from "preact";
import type { Desk } from "../desk/desk.ts";
import { Chat } from "../room/Chat.tsx";
import { ParleyElement } from "./element.ts";

/** `<parley-chat>`: rooms, and the one that is open. Give it a height; `room` opens one. */
export class ParleyChat extends ParleyElement {
  /** @internal */
  override view(desk: Desk): ComponentChild {
    return h(Chat, { desk, list: true });
  }
}
