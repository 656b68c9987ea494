import assert from "node:assert/strict";
import { test } from "node:test";
import type { Message } from "../src/message.ts";
import { at, change, entry, from, seqs, setup, withClock } from "./room.ts";
import { comes, settle } from "./socket.ts";

withClock();

test("a page that is older than what the stream brought meanwhile ends in the same state", async () => {
  const log = from(1, 60).map((seq) => entry(seq));
  const { room, socket } = await setup({ log });
  const window = room.window({ size: 5 });
  await settle();
  const stale = { head: 60, entries: log.slice(50, 55), more: true };
  socket().send = (text) => void socket().sent.push(JSON.parse(text));
  const load = window.older();
  await settle();
  const { id } = socket().last("history");
  socket().says(change(61, { type: "edited", target: 53, body: "edited" }));
  socket().says(entry(62));
  socket().says({ type: "ok", id, ...stale });
  await load;
  const { items, live } = window.getSnapshot();
  assert.deepEqual(seqs(items), [...from(51, 60), 62]);
  assert.equal((items[2] as Message).body, "edited");
  assert.equal(live, true);
});

test("a window at the end has the last page, goes on live, and is bounded", async () => {
  const { room, live } = await setup({ log: from(1, 300).map((seq) => entry(seq)) });
  const window = room.window({ size: 20 });
  await settle();
  assert.deepEqual(seqs(window.getSnapshot().items), from(281, 300));
  live(...from(301, 500).map((seq) => entry(seq)));
  const { items, live: isLive, hasOlder, hasNewer } = window.getSnapshot();
  assert.equal(items.at(-1)!.seq, 500);
  assert.ok(items.length <= 100, `${items.length} items`);
  assert.deepEqual(seqs(items), from(500 - items.length + 1, 500));
  assert.deepEqual([isLive, hasOlder, hasNewer], [true, true, false]);
});

test("a window around an entry pages either way, lets go at the far end, and is live again at the end", async () => {
  const { room, live } = await setup({ log: from(1, 1_000).map((seq) => entry(seq)) });
  const window = room.window({ around: 500, size: 20, keep: 40 });
  await comes(window.until(({ ready }) => ready));
  assert.deepEqual(seqs(window.getSnapshot().items), from(490, 509));
  await window.older();
  assert.deepEqual(seqs(window.getSnapshot().items), from(470, 509));
  await window.older();
  assert.deepEqual(seqs(window.getSnapshot().items), from(450, 489));
  assert.equal(window.getSnapshot().live, false);
  live(entry(1_001)); // far behind what is shown
  assert.deepEqual(seqs(window.getSnapshot().items), from(450, 489));
  await window.newer();
  assert.deepEqual(seqs(window.getSnapshot().items), from(470, 509));
  while (!window.getSnapshot().live) await window.newer();
  assert.equal(window.getSnapshot().items.at(-1)!.seq, 1_001);
  live(entry(1_002));
  assert.equal(window.getSnapshot().items.at(-1)!.seq, 1_002);
  await window.goTo(1);
  assert.deepEqual(seqs(window.getSnapshot().items), from(1, 10));
  assert.equal(window.getSnapshot().hasOlder, false);
  window.close();
});

test("a reader at the upper end is not pulled down by what comes", async () => {
  const { room, live } = await setup({ log: from(1, 300).map((seq) => entry(seq)) });
  const window = room.window({ size: 20, keep: 40 });
  await settle();
  await window.older();
  const before = seqs(window.getSnapshot().items);
  live(...from(301, 350).map((seq) => entry(seq)));
  assert.deepEqual(seqs(window.getSnapshot().items), before);
  assert.equal(window.getSnapshot().hasNewer, true);
  await window.goTo("end");
  assert.equal(window.getSnapshot().items.at(-1)!.seq, 350);
});

test("a window opens at the first unread with a line before it, which stays", async () => {
  const { room } = await setup({ log: from(1, 200).map((seq) => entry(seq)), read: 100 });
  const window = room.window({ around: "unread", size: 20 });
  await comes(window.until(({ ready }) => ready));
  assert.deepEqual(seqs(window.getSnapshot().items), from(91, 110));
  assert.equal(window.getSnapshot().divider, 100);
  room.markRead();
  assert.equal(window.getSnapshot().divider, 100);
});

test("pages of nothing but changes are passed over", async () => {
  const log: any[] = [entry(1)];
  for (const seq of from(2, 400)) log.push(change(seq, { type: "reacted", target: 1, emoji: "👍", count: seq, removed: false }));
  const { room } = await setup({ log });
  await comes(room.messages.until(({ ready }) => ready));
  assert.deepEqual(seqs(room.messages.getSnapshot().items), [1]);
  assert.equal(room.messages.getSnapshot().hasOlder, false);
});

test("pages that the service cuts short are gone on with", async () => {
  const { room } = await setup({ log: from(1, 100).map((seq) => entry(seq)), cut: 7 });
  const window = room.window({ around: 50, size: 30 });
  await comes(window.until(({ ready }) => ready));
  const shown = seqs(window.getSnapshot().items);
  assert.deepEqual(shown, from(shown[0]!, shown.at(-1)!));
  assert.ok(shown.length >= 30, `${shown.length} items`);
});

test("items are the same array until something of them is another, and a page comes as one change", async () => {
  const { room, live } = await setup({ log: from(1, 300).map((seq) => entry(seq)) });
  const window = room.window({ size: 20, keep: 40 });
  await settle();
  const before = window.getSnapshot();
  const load = window.older();
  const asked = window.getSnapshot();
  assert.deepEqual([asked.loading.older, asked.items === before.items], [true, true]);
  const sizes: number[] = [];
  const end = window.subscribe(() => sizes.push(window.getSnapshot().items.length));
  await load;
  await settle();
  await window.older(); // one more than is kept: what is let go is never shown beside it
  await settle();
  end();
  assert.ok(sizes.length > 0 && sizes.every((size) => size <= 40), String(sizes));
  const { items } = window.getSnapshot();
  live(change(301, { type: "edited", target: items[0]!.seq, body: "edited" }));
  assert.ok(window.getSnapshot().items !== items);
});
