import { ParleyElement } from "./element.js";
/** `<parley-chat>`: rooms, and the one that is open. Give it a height; `room` opens one. */
export declare class ParleyChat extends ParleyElement {
}
