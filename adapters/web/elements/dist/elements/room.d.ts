import { ParleyElement } from "./element.js";
/** `<parley-room room="general">`: one room. */
export declare class ParleyRoom extends ParleyElement {
}
