import { ParleyElement } from "./element.js";
/** `<parley-button>`: a bubble with a count, which opens the chat, or the room that `room` names. */
export declare class ParleyButton extends ParleyElement {
}
