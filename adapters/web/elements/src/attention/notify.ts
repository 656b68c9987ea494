// The browser's notification of a message, which opens it.
import type { MessageEntry } from "@parley-chat/client";
import type { Desk } from "../desk/desk.ts";
import { plain } from "../message/markdown.ts";

export function notify(desk: Desk, room: string, { author, body = "", seq }: MessageEntry): void {
  if (globalThis.Notification?.permission !== "granted") return;
  try {
    const name = desk.client.rooms.getSnapshot().rooms.find(({ id }) => id === room)?.name || room;
    const notice = new Notification(`${desk.words.who(author)} · ${name}`, {
      body: plain(body).slice(0, 200), tag: `parley ${desk.url} ${room}`,
    });
    notice.onclick = () => {
      globalThis.focus();
      desk.open(room, seq);
      notice.close();
    };
  } catch { /* phones want a service worker for that */ }
}
