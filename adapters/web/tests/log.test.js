import assert from "node:assert/strict";
import { test } from "node:test";
import { RoomLog } from "../static/log.js";

const at = "2026-11-23T10:00:00.000Z";
const alice = { id: "alice", name: "Alice" };
const bob = { id: "bob", name: "Bob" };
const message = (seq, body, more = {}) => ({ type: "message", room: "r", seq, at, author: bob, body, ...more });
const bodies = (log) => log.items.map((item) => item.body);

test("applies each entry once and in order", () => {
  const log = new RoomLog("alice");
  assert.equal(log.append(message(1, "a")), "applied");
  assert.equal(log.append(message(1, "a")), "known");
  assert.equal(log.append(message(3, "c")), "hole");
  assert.equal(log.append(message(2, "b")), "applied");
  assert.deepEqual(bodies(log), ["a", "b"]);
  assert.equal(log.cursor, 2);
});

test("changes set values and are themselves not shown", () => {
  const log = new RoomLog("alice");
  log.append(message(1, "a"));
  log.append({ type: "edited", seq: 2, at, author: bob, target: 1, body: "b" });
  log.append({ type: "reacted", seq: 3, at, author: alice, target: 1, emoji: "x", removed: false, count: 4 });
  log.append({ type: "reacted", seq: 4, at, author: bob, target: 1, emoji: "x", removed: false, count: 5 });
  const [item] = log.items;
  assert.equal(log.items.length, 1);
  assert.equal(item.body, "b");
  assert.ok(item.editedAt);
  assert.deepEqual(item.reactions, [{ emoji: "x", count: 5, me: true }]);
  log.append({ type: "reacted", seq: 5, at, author: alice, target: 1, emoji: "x", removed: true, count: 4 });
  assert.deepEqual(item.reactions, [{ emoji: "x", count: 4, me: false }]);
  log.append({ type: "deleted", seq: 6, at, author: bob, target: 1 });
  log.append({ type: "edited", seq: 7, at, author: bob, target: 1, body: "too late" });
  assert.equal(item.body, "");
  assert.ok(item.deletedAt);
});

test("an entry of a kind that it does not know moves the cursor and is not shown", () => {
  const log = new RoomLog("alice");
  assert.equal(log.append({ type: "pinned", seq: 1, at, author: bob }), "applied");
  assert.equal(log.cursor, 1);
  assert.deepEqual(log.items, []);
});

test("a page of history that was read before a change gets the change", () => {
  const log = new RoomLog("alice", 10);
  log.append({ type: "edited", seq: 11, at, author: bob, target: 9, body: "new" });
  log.prepend({ entries: [message(9, "old"), message(10, "last")], more: true }, 11);
  assert.deepEqual(bodies(log), ["new", "last"]);
  assert.equal(log.oldest, 9);
});

test("a page for a log that has begun anew since is dropped", () => {
  const log = new RoomLog("alice", 10);
  log.begin(50, true);
  log.prepend({ entries: [message(10, "stale")], more: true }, 11);
  assert.deepEqual(bodies(log), []);
  assert.equal(log.oldest, 50);
  assert.ok(log.missed);
});

test("is complete with the last page, and then nothing is missed", () => {
  const log = new RoomLog("alice", 2);
  log.begin(3, true);
  log.prepend({ entries: [message(1, "a"), message(2, "b")], more: false }, 3);
  assert.ok(log.complete);
  assert.ok(!log.missed);
});

test("what was trimmed is history again", () => {
  const log = new RoomLog("alice");
  for (let seq = 1; seq <= 10; seq++) log.append(message(seq, String(seq)));
  log.trim(3);
  assert.deepEqual(bodies(log), ["8", "9", "10"]);
  assert.equal(log.oldest, 8);
  log.prepend({ entries: [message(6, "6"), message(7, "7")], more: true }, 8);
  assert.deepEqual(bodies(log), ["6", "7", "8", "9", "10"]);
});

// I6: whoever applies entries in order ends in the same state, wherever they began and whatever they loaded later.
test("ends in the same state wherever it began", () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = randoms(seed);
    const service = simulate(random, 60);
    const whole = new RoomLog("alice");
    service.log.forEach((_, i) => whole.append(service.shown(i + 1, service.log.length)));

    const begin = Math.floor(random() * 60);
    const log = new RoomLog("alice", begin);
    for (let seq = begin + 1; seq <= 60; seq++) {
      log.append(service.shown(seq, Math.max(seq, Math.floor(random() * 61))));
      if (random() < 0.2) page(log, service, begin + Math.floor(random() * (seq - begin + 1)), random);
    }
    while (!log.complete) page(log, service, 60, random);
    assert.deepEqual(state(log), state(whole), `seed ${seed}`);
  }
});

const state = (log) => log.items.map(({ seq, body, deletedAt, reactions }) => ({
  seq, body, deleted: Boolean(deletedAt), reactions: [...reactions].sort((a, b) => (a.emoji < b.emoji ? -1 : 1)),
}));

// Loads a page as the store showed it when its last entry was `head`: it may be older than what the stream told since.
function page(log, service, head, random) {
  const before = log.oldest;
  const limit = 1 + Math.floor(random() * 10);
  const from = Math.max(1, before - limit);
  const entries = [];
  for (let seq = from; seq < before; seq++) entries.push(service.shown(seq, Math.max(head, seq)));
  log.prepend({ entries, more: from > 1 }, before);
}

function simulate(random, size) {
  const log = [];
  const pick = (list) => list[Math.floor(random() * list.length)];
  for (let seq = 1; seq <= size; seq++) {
    const author = pick([alice, bob]);
    const messages = log.filter((entry) => entry.type === "message").map((entry) => entry.seq);
    const target = pick(messages);
    const kind = messages.length === 0 ? "message" : pick(["message", "message", "edited", "reacted", "reacted", "deleted"]);
    const deleted = log.some((entry) => entry.type === "deleted" && entry.target === target);
    if (kind === "message" || deleted) log.push({ type: "message", seq, at, author, body: `body ${seq}` });
    else if (kind === "reacted") log.push(reaction(log, { seq, author, target, emoji: pick(["x", "y"]), removed: random() < 0.4 }));
    else log.push({ type: kind, seq, at, author, target, ...(kind === "edited" && { body: `body ${seq}` }) });
  }
  return { log, shown: (seq, head) => present(log, seq, head) };
}

function reaction(log, { seq, author, target, emoji, removed }) {
  const users = reacting(log, target, emoji, seq);
  if (removed) users.delete(author.id);
  else users.add(author.id);
  return { type: "reacted", seq, at, author, target, emoji, removed, count: users.size };
}

function reacting(log, target, emoji, before) {
  const users = new Set();
  for (const entry of log) {
    if (entry.seq >= before || entry.type !== "reacted" || entry.target !== target || entry.emoji !== emoji) continue;
    if (entry.removed) users.delete(entry.author.id);
    else users.add(entry.author.id);
  }
  return users;
}

// The entry as the store shows it when its last one is `head`.
function present(log, seq, head) {
  const entry = { ...log[seq - 1] };
  const target = entry.target ?? seq;
  const later = log.filter((one) => one.target === target && one.seq <= head);
  const deleted = later.some((one) => one.type === "deleted");
  const body = later.filter((one) => one.type === "edited").at(-1)?.body ?? log[target - 1].body;
  if (entry.type === "message" || entry.type === "edited") {
    if (deleted) delete entry.body;
    else entry.body = body;
  }
  if (entry.type === "message") {
    if (deleted) entry.deleted_at = at;
    entry.reactions = ["x", "y"].map((emoji) => {
      const users = reacting(log, seq, emoji, head + 1);
      return { emoji, count: users.size, me: users.has("alice") };
    }).filter((one) => one.count > 0);
  }
  return entry;
}

// mulberry32
function randoms(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
