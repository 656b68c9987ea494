import { type Item, type Message } from "./message.js";
import type { Item as Outgoing } from "./outbox.js";
import type { Author } from "./protocol.js";
/** The items with my changes that are on their way, or failed. */
export declare function overlaid(items: readonly Item[], outgoing: readonly Outgoing[], find: (seq: number) => number, me: Author): readonly Item[];
/** My messages that are not in the log yet. */
export declare function unsent(outgoing: readonly Outgoing[], me: Author): Message[];
