// What is being written that can be completed: an emoji's name, a person, a room.
import type { RoomSnapshot } from "@parley-chat/client";
import type { Desk } from "../desk/desk.ts";
import { find } from "../message/emoji.ts";

const OFFERS = 7;

/** Something to complete with. */
export interface Offer {
  /** What is written. */
  readonly by: string;
  readonly show: string;
  readonly name: string;
  /** The id of a person. */
  readonly face?: string;
}

export interface Wish {
  readonly kind: ":" | "@" | "#";
  readonly text: string;
  /** Where in the whole text it begins, its sign too. */
  readonly from: number;
  readonly to: number;
}

const WISH = /(?:^|[\s(])([:@#])([\p{L}\p{N}_+.-]{0,32})$/u;

/** What stands before the caret and can be completed. */
export function wish(text: string, caret: number): Wish | undefined {
  const before = text.slice(Math.max(0, caret - 40), caret);
  const found = WISH.exec(before);
  if (!found) return undefined;
  const kind = found[1] as Wish["kind"];
  const word = found[2]!;
  if (kind === ":" && word.length < 2) return undefined; // a colon alone is none
  return { kind, text: word.toLowerCase(), from: caret - word.length - 1, to: caret };
}

/** The text with the wish fulfilled, and where the caret goes. */
export function fulfil(text: string, { from, to }: Wish, by: string): { text: string; caret: number } {
  const space = text[to] === " " ? "" : " ";
  return { text: text.slice(0, from) + by + space + text.slice(to), caret: from + by.length + 1 };
}

/** Those whose id or a word of whose name begins with the text; the former first. */
export function matching<T extends { readonly id: string; readonly name: string }>(all: readonly T[], text: string, count: number): T[] {
  const rank = ({ id, name }: T) => {
    if (id.toLowerCase().startsWith(text)) return 0;
    const words = name.toLowerCase();
    return words.startsWith(text) ? 1 : words.split(/\s+/).some((word) => word.startsWith(text)) ? 2 : 3;
  };
  return all.map((one) => [rank(one), one] as const).filter(([at]) => at < 3).sort(([a], [b]) => a - b).slice(0, count).map(([, one]) => one);
}

/** What would fulfil the wish. */
export function offers({ kind, text }: Wish, { client }: Desk, { present, members, marks }: RoomSnapshot): Offer[] {
  if (kind === ":") return find(text, OFFERS).map(({ char, names }) => ({ by: char, show: char, name: `:${names[0]}:` }));
  if (kind === "#") {
    const rooms = client.rooms.getSnapshot().rooms.map(({ id, name }) => ({ id, name: name || id }));
    return matching(rooms, text, OFFERS).map(({ id, name }) => ({ by: `#${id}`, show: "#", name }));
  }
  const ids = new Set([...present.users.keys(), ...(members?.keys() ?? []), ...marks.keys()]);
  const people = [...ids].map((id) => ({ id, name: client.name(id) }));
  return matching(people, text, OFFERS).map(({ id, name }) => ({ by: `@${id}`, show: "@", name, face: id }));
}
