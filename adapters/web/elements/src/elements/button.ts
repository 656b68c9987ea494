import { h, type ComponentChild } from "preact";
import type { Desk } from "../desk/desk.ts";
import { Button } from "../room/Button.tsx";
import { ParleyElement } from "./element.ts";

/** `<parley-button>`: a bubble with a count, which opens the chat, or the room that `room` names. */
export class ParleyButton extends ParleyElement {
  /** @internal */
  override view(desk: Desk): ComponentChild {
    return h(Button, { desk, list: !this.getAttribute("room") });
  }
}
