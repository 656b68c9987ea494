// What menus do.
import type { Room } from "@parley-chat/client";
import type { Desk } from "./desk.ts";
import { later } from "./undo.ts";

/** Leaves a room, which can be undone for some seconds. */
export function leave(desk: Desk, id: string): void {
  const { client } = desk;
  if (desk.place.getSnapshot().room === id) desk.open(undefined);
  later(desk, id, "left.done", async () => {
    try {
      const me = client.getSnapshot().me?.id ?? "";
      // Where nothing was ever written, the service knows of no room.
      if (client.peek(id).getSnapshot().head > 0) await client.ask("DELETE", `v1/rooms/${encodeURIComponent(id)}/members/${encodeURIComponent(me)}`);
      desk.opened.forget(id);
      client.leave(id);
    } catch (thrown) {
      desk.fail(thrown);
    } finally {
      desk.back(id);
    }
  });
}

export async function copy(desk: Desk, text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    copyOld(desk.root, text);
  }
  desk.say(desk.words("copied"));
}

// Pages that did not come by https have no clipboard of the new kind.
function copyOld(root: ShadowRoot, text: string): void {
  const before = root.activeElement as HTMLElement | null;
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "unseen";
  root.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
  before?.focus();
}

export async function goToDate(desk: Desk, room: Room, date: Date): Promise<void> {
  try {
    desk.open(room.id, await room.seqAt(date));
  } catch (thrown) {
    desk.fail(thrown);
  }
}

export function toggleMute({ prefs }: Desk, id: string): void {
  const { muted } = prefs.getSnapshot();
  prefs.change({ muted: muted.includes(id) ? muted.filter((one) => one !== id) : [...muted, id] });
}
