// What the timeline shows, from a window's items: days, the line before what is new, messages in
// groups, and what became of members and the room.
import type { Item, Message } from "@parley-chat/client";

export type Row =
  | { readonly is: "day"; readonly key: string; readonly at: Date }
  | { readonly is: "line"; readonly key: string }
  | { readonly is: "event"; readonly key: string; readonly item: Exclude<Item, Message> }
  | { readonly is: "message"; readonly key: string; readonly message: Message; readonly first: boolean; readonly last: boolean };

const GROUP_WITHIN = 5 * 60_000; // ms between two messages of a group

export const keyOf = (item: Item): string => (item.type === "message" ? item.id : `e${item.seq}`);

/**
 * `line` is the read mark before which nothing is new; 0: there is no line. It is drawn where it is
 * known to be: not above the first item if there are older ones. What I did myself is not new to me.
 */
export function rows(items: readonly Item[], line: number, hasOlder: boolean, me: string | undefined): Row[] {
  const made: Row[] = [];
  const isNew = (item: Item) => item.seq > line && item.author.id !== me;
  const times = items.map(({ at }) => new Date(at));
  const days = times.map((at) => new Date(at).setHours(0, 0, 0, 0));
  // Whether one is of the same group as the one before it.
  const follows = (at: number) => {
    const [before, item] = [items[at - 1], items[at]];
    return days[at] === days[at - 1] && before?.type === "message" && item?.type === "message" && before.author.id === item.author.id && before.via === item.via
      && Math.abs(+times[at]! - +times[at - 1]!) < GROUP_WITHIN;
  };
  let drawn = line === 0;
  for (let at = 0; at < items.length; at++) {
    const item = items[at]!;
    const before = items[at - 1];
    const breaks = days[at] !== days[at - 1];
    if (breaks) made.push({ is: "day", key: `d${item.at.slice(0, 10)}${keyOf(item)}`, at: times[at]! });
    const begins = !drawn && isNew(item);
    if (begins) {
      drawn = true;
      if (before || !hasOlder) made.push({ is: "line", key: "line" });
    }
    if (item.type !== "message") made.push({ is: "event", key: keyOf(item), item });
    else {
      made.push({
        is: "message", key: keyOf(item), message: item,
        first: begins || !follows(at),
        last: !follows(at + 1) || (!drawn && isNew(items[at + 1]!)),
      });
    }
  }
  return made;
}
