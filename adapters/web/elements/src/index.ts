// Parley in any page: custom elements over @parley-chat/client. To import this defines them.
import { ParleyButton } from "./elements/button.ts";
import { ParleyChat } from "./elements/chat.ts";
import type { ParleyEvents } from "./elements/element.ts";
import { ParleyRoom } from "./elements/room.ts";

export { createClient, indexedDBStorage, memoryStorage } from "@parley-chat/client";
export { ParleyElement, type ParleyEvents } from "./elements/element.ts";
export type { Strings } from "./strings/index.ts";
export { ParleyButton, ParleyChat, ParleyRoom };

const known = globalThis.customElements; // a server has none

// Two copies of this on a page, of two services perhaps: the first one counts.
for (const [name, element] of [["parley-chat", ParleyChat], ["parley-room", ParleyRoom], ["parley-button", ParleyButton]] as const) {
  if (!known?.get(name)) known?.define(name, element);
}

declare global {
  interface HTMLElementTagNameMap {
    "parley-chat": ParleyChat;
    "parley-room": ParleyRoom;
    "parley-button": ParleyButton;
  }
  interface HTMLElementEventMap {
    "parley-message": CustomEvent<ParleyEvents["parley-message"]>;
    "parley-unread": CustomEvent<ParleyEvents["parley-unread"]>;
    "parley-room": CustomEvent<ParleyEvents["parley-room"]>;
    "parley-status": CustomEvent<ParleyEvents["parley-status"]>;
  }
}
