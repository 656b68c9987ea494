import assert from "node:assert/strict";
import { test } from "node:test";
import { Reader, type ReaderOptions } from "../src/reader.ts";
import { memoryStorage } from "../src/storage.ts";
import { settle } from "./socket.ts";

const entry = (seq: number, type = "message"): any => ({ type, room: "tea", seq, at: "", author: { id: "bob", name: "Bob" }, body: `m${seq}` });

// A room with a log.
function setup(length: number, storage = memoryStorage()) {
  const room = { log: "l1", entries: Array.from({ length }, (_, i) => entry(i + 1)), pages: 0 };
  const open = (options: ReaderOptions = {}) => {
    const reader = new Reader({
      user_: "alice", room_: "tea", storage_: storage,
      get log_() { return room.log; },
      get cursor_() { return room.entries.length; },
      ready_: async () => {},
      page_: async ({ after, limit }, take) => {
        room.pages++;
        const found = room.entries.slice(after);
        take({ head: room.entries.length, entries: found.slice(0, limit), more: found.length > limit });
      },
      ended_: () => {},
    }, options);
    return reader;
  };
  const says = (reader: Reader, ...types: string[]) => {
    for (const type of types) {
      room.entries.push(entry(room.entries.length + 1, type));
      reader.take_(room.entries.at(-1));
    }
  };
  return { room, open, says, storage };
}

async function take(reader: Reader, count: number): Promise<number[]> {
  const seqs: number[] = [];
  while (seqs.length < count) seqs.push((await reader.next()).value!.seq);
  return seqs;
}

test("reads the log from where it is told, and then what comes", async () => {
  const { open, says } = setup(450);
  const reader = open({ after: 440 });
  assert.deepEqual(await take(reader, 10), [441, 442, 443, 444, 445, 446, 447, 448, 449, 450]);
  const next = take(reader, 2);
  says(reader, "message", "of tomorrow", "message");
  assert.deepEqual(await next, [451, 453]);
});

test("begins at the end unless told", async () => {
  const { open, says } = setup(5);
  const reader = open();
  const next = reader.next();
  await settle();
  says(reader, "message");
  assert.equal((await next).value!.seq, 6);
});

test("a slow reader misses nothing, and holds little", async () => {
  const { open, says, room } = setup(1);
  const reader = open({ after: 0 });
  await take(reader, 1);
  says(reader, ...Array.from({ length: 3_000 }, () => "message"));
  assert.deepEqual(await take(reader, 3_000), Array.from({ length: 3_000 }, (_, i) => i + 2));
  assert.ok(room.pages >= 10, `${room.pages} pages`);
});

test("a named reader goes on behind what was taken, not behind what was given", async () => {
  const { open, storage } = setup(9);
  const before = open({ name: "bot", after: 0 });
  await take(before, 4);
  await settle();
  await before.return();
  assert.deepEqual(await take(open({ name: "bot" }), 2), [4, 5]);
  assert.deepEqual(await take(open({ name: "another", after: 0 }), 1), [1]);
  assert.equal((await storage.list("cursor/alice/tea/")).length, 1);
});

test("a cursor of another log is dropped, also while it reads", async () => {
  const { open, room } = setup(9);
  const before = open({ name: "bot", after: 0 });
  await take(before, 5);
  await settle();
  room.log = "l2";
  const told: string[] = [];
  assert.deepEqual(await take(open({ name: "bot", onAnotherLog: () => told.push("stored") }), 2), [1, 2]);
  const reading = open({ after: 3, onAnotherLog: () => told.push("reading") });
  assert.deepEqual(await take(reading, 2), [4, 5]);
  room.log = "l3";
  assert.deepEqual(await take(reading, 2), [1, 2]);
  assert.deepEqual(told, ["stored", "reading"]);
});

test("breaking out of the loop ends it", async () => {
  const { open } = setup(3);
  const reader = open({ after: 0 });
  const seen: number[] = [];
  for await (const { seq } of reader) {
    seen.push(seq);
    if (seq === 2) break;
  }
  assert.deepEqual(seen, [1, 2]);
  assert.equal((await reader.next()).done, true);
});
