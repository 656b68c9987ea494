import { ParleyButton } from "./elements/button.js";
import { ParleyChat } from "./elements/chat.js";
import type { ParleyEvents } from "./elements/element.js";
import { ParleyRoom } from "./elements/room.js";
export { createClient, indexedDBStorage, memoryStorage } from "@parley-chat/client";
export { ParleyElement, type ParleyEvents } from "./elements/element.js";
export type { Strings } from "./strings/index.js";
export { ParleyButton, ParleyChat, ParleyRoom };
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
