import { h, type ComponentChild } from "preact";
import type { Desk } from "../desk/desk.ts";
import { Chat } from "../room/Chat.tsx";
import { ParleyElement } from "./element.ts";

/** `<parley-room room="general">`: one room. */
export class ParleyRoom extends ParleyElement {
  /** @internal */
  override view(desk: Desk): ComponentChild {
    return h(Chat, { desk, list: false });
  }
}
