// Folds 100,000 entries and prints what it takes: node --expose-gc scripts/fold.ts
import { Outbox } from "../src/outbox.ts";
import type { Host } from "../src/host.ts";
import { Room } from "../src/room.ts";
import { Segment } from "../src/segment.ts";
import { memoryStorage } from "../src/storage.ts";

const COUNT = 100_000;
const me = { id: "alice", name: "Alice" };

// What a busy room is like: messages, and in ten entries an edit, a reaction and a deletion.
function entries(): any[] {
  const all: any[] = [];
  for (let seq = 1; seq <= COUNT; seq++) {
    const common = { room: "tea", seq, at: new Date(1_700_000_000_000 + seq * 1_000).toISOString(), author: { id: `u${seq % 50}`, name: `User ${seq % 50}` } };
    const target = Math.max(1, seq - 5);
    if (seq % 10 === 7) all.push({ ...common, type: "edited", target, body: `edited ${seq}` });
    else if (seq % 10 === 8) all.push({ ...common, type: "reacted", target, emoji: "👍", count: 1, removed: false });
    else if (seq % 10 === 9) all.push({ ...common, type: "deleted", target });
    else all.push({ ...common, type: "message", body: `message number ${seq}, of about the usual length`, key: `key${seq}` });
  }
  return all;
}

const gc = (globalThis as { gc?: () => void }).gc ?? (() => {});
const held = () => {
  for (let n = 0; n < 3; n++) gc();
  return process.memoryUsage().heapUsed;
};

const frames = (): string[] => entries().map((entry) => JSON.stringify(entry));

function measured(what: string, fold: (text: string[]) => unknown): void {
  const text = frames();
  const before = held();
  const began = performance.now();
  const result = fold(text);
  const ms = performance.now() - began;
  const bytes = held() - before;
  console.log(`${what}: ${ms.toFixed(0)} ms, ${(ms * 1_000 / COUNT).toFixed(1)} µs an entry, ${(bytes / 1e6).toFixed(1)} MB held`);
  if (!result || text.length !== COUNT) throw new Error("nothing was folded"); // and both are held until here
}

measured("all of it in one segment", (text) => {
  const segment = new Segment(() => me.id);
  segment.begin_(1);
  for (const one of text) {
    const entry = JSON.parse(one);
    segment.append_(entry);
    if (entry.target) segment.change_(entry);
  }
  return segment;
});

measured("as a live room with a window of 50", (text) => {
  const outbox = new Outbox({ storage_: memoryStorage(), request_: () => Promise.reject(new Error()), applied_: () => true, changed_: () => {} });
  const host = {
    me_: me, log_: "l", open_: true, destroyed_: false, features_: new Set(), storage_: memoryStorage(), outbox_: outbox,
    http_: { ask_: () => Promise.reject(new Error()) },
    request_: ({ type }: any, take: any) => {
      if (type === "join") take({ head: 0, from: 1, truncated: false, role: "write", read: 0 });
      return type === "join" ? Promise.resolve({}) : Promise.reject(new Error());
    },
    tell_: () => {}, use_: () => {}, learn_: () => {}, ignored_: () => {}, came_: () => {}, roomChanged_: () => {}, mine_: () => {},
  };
  const room = new Room("tea", host as unknown as Host);
  room.messages;
  room.join_();
  for (const one of text) room.receive_(JSON.parse(one));
  return room;
});
