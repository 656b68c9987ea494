// Pictures of one stroke, on a grid of 24; icons-more.ts has those that the first view does not need.
import type { JSX } from "preact";
import type { moreIcons } from "./icons-more.ts";

const FIRST = {
  mark: "M4 6.5A2.5 2.5 0 0 1 6.5 4h7A2.5 2.5 0 0 1 16 6.5v4a2.5 2.5 0 0 1-2.5 2.5H9l-3.4 2.8V13A2.5 2.5 0 0 1 4 10.5zM19 9a2 2 0 0 1 1.5 2v4.5a2 2 0 0 1-1 1.7V20l-2.7-2.2H11",
  back: "m14 6-6 6 6 6",
  people: "M12.2 9a3.2 3.2 0 1 1-6.4 0 3.2 3.2 0 0 1 6.4 0zM3.5 19c.6-3 2.8-4.5 5.5-4.5s4.9 1.5 5.5 4.5M15.5 6.2a3 3 0 0 1 0 5.6M17.5 14.9c1.7.7 2.7 2.1 3 4.1",
  search: "M16 10.5a5.5 5.5 0 1 1-11 0 5.5 5.5 0 0 1 11 0zM15 15l4.5 4.5",
  send: "M4.5 5.2 20 12 4.5 18.8 6.8 12zM6.8 12H12",
  smile: "M20 12a8 8 0 1 1-16 0 8 8 0 0 1 16 0zM8.8 14c.7 1.3 1.8 2 3.2 2s2.5-.7 3.2-2M9.3 9.7v.2m5.4-.2v.2",
  forward: "m14 6.5 5.5 5.5-5.5 5.5M19 12h-8c-3.5 0-6 2-6.5 5.5",
  close: "m6.5 6.5 11 11m0-11-11 11",
  down: "M12 5v13m-5.5-5.5L12 18l5.5-5.5",
  plus: "M12 5.5v13M5.5 12h13",
  more: "M6 11.4a.6.6 0 1 1 0 1.2.6.6 0 0 1 0-1.2zm6 0a.6.6 0 1 1 0 1.2.6.6 0 0 1 0-1.2zm6 0a.6.6 0 1 1 0 1.2.6.6 0 0 1 0-1.2z",
  copy: "M9 9h9.5v10.5H9zM15 9V4.5H5.5V15H9",
  pin: "M9 4h6l-.6 6 3.1 3.5h-11L9.6 10zM12 13.5V20",
  lock: "M7 11h10v8.5H7zM9 11V8a3 3 0 0 1 6 0v3",
  mute: "M6 17h12l-1.6-2.2V11a4.4 4.4 0 0 0-8.8 0v3.8zM10.5 19.5h3M5 4.5l14 15",
  check: "m5.5 12.5 4 4 9-9.5",
  clock: "M20 12a8 8 0 1 1-16 0 8 8 0 0 1 16 0zM12 7.5V12l3 2",
  alert: "M12 4 2.8 20h18.4zM12 10v4.5M12 17.2v.1",
  cog: "M4 7h9M17 7h3M4 17h3M11 17h9M17 7a2 2 0 1 1-4 0 2 2 0 0 1 4 0zM11 17a2 2 0 1 1-4 0 2 2 0 0 1 4 0z",
  chat: "M5 7.5A2.5 2.5 0 0 1 7.5 5h9A2.5 2.5 0 0 1 19 7.5v6a2.5 2.5 0 0 1-2.5 2.5H11l-4 3.5V16a2 2 0 0 1-2-2.5z",
} as const;

export type IconName = keyof typeof FIRST | keyof typeof moreIcons;

const paths: { [name in IconName]?: string } = FIRST;

/** There are more pictures. */
export const picture = (more: typeof moreIcons): void => void Object.assign(paths, more);

const POINTS = new Set<IconName>(["back", "send", "reply", "forward", "exit"]); // mirrored where lines run to the left

export function Icon({ name }: { name: IconName }): JSX.Element {
  return (
    <svg class={POINTS.has(name) ? "icon points" : "icon"} viewBox="0 0 24 24" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  );
}
