// What can be undone for some seconds, and what is noted to be deleted.
import type { Room } from "@parley-chat/client";
import type { Word } from "../strings/index.ts";
import type { Desk } from "./desk.ts";
import { keep, kept, keysOf } from "./prefs.ts";

const UNDO_WITHIN = 5_000; // ms
const NOTED_AFTER = 500; // ms later than the tab itself does it

/** Does what may be undone for some seconds; `key` is gone from view meanwhile. */
export function later(desk: Desk, key: string, word: Word, act: () => void): void {
  const { waiting, gone, notes } = desk;
  gone.set(new Set(gone.getSnapshot()).add(key));
  // A page that ends has no time to send: what is to be deleted is noted, and done by the next one.
  const note = key.includes("/") && notes + key;
  const ended = () => {
    clearTimeout(timer);
    waiting.delete(key);
    if (note) keep(note, undefined);
  };
  const toast = desk.say(desk.words(word), () => {
    ended();
    desk.back(key);
    desk.unsay(toast);
  }, UNDO_WITHIN);
  const due = () => {
    ended();
    act();
  };
  const timer = setTimeout(due, UNDO_WITHIN);
  waiting.set(key, due);
  if (note) keep(note, Date.now() + UNDO_WITHIN);
}

/** Deletes a message: at once, or so that it can be undone. */
export function remove(desk: Desk, room: Room, seq: number, now = false): void {
  const key = `${room.id}/${seq}`;
  const act = () => void room.delete(seq).outcome.then(({ error }) => {
    desk.back(key);
    if (error) desk.fail(error);
  });
  if (now) act();
  else later(desk, key, "deleted", act);
}

/** Deletes what was noted. Another tab may have noted it: then it is undone there, or done. */
export function removeNoted(desk: Desk): void {
  const { client, notes } = desk;
  for (const note of keysOf(notes)) {
    const [room, seq] = note.slice(notes.length).split("/");
    setTimeout(() => {
      if (!kept(note)) return;
      keep(note, undefined);
      remove(desk, client.room(room!), Number(seq), true);
    }, Math.min(UNDO_WITHIN, Number(kept(note)) - Date.now()) + NOTED_AFTER);
  }
}
