import assert from "node:assert/strict";
import { test } from "node:test";
import type { Message } from "../src/message.ts";
import { alice, at, bob, bodies, change, entry, from, seqs, setup, view, withClock } from "./room.ts";
import { comes, passes, settle, welcome } from "./socket.ts";

withClock();

test("folds edits, deletions, reactions and slots into messages", async () => {
  const { room, live } = await setup();
  room.messages;
  await settle();
  live(
    entry(1), entry(2), entry(3, { author: alice }),
    change(4, { type: "edited", target: 1, body: "new" }),
    change(5, { type: "reacted", target: 1, emoji: "👍", count: 1, removed: false }),
    change(6, { type: "reacted", target: 1, emoji: "👍", count: 2, removed: false, author: alice }),
    change(7, { type: "deleted", target: 2 }),
    change(8, { type: "set", set: "pinned", slot: "", target: 3, data: { by: "bob" } }),
    change(9, { type: "set", set: "x.task", slot: "done", target: 3, data: true }),
    change(10, { type: "of tomorrow" }),
    change(11, { type: "edited", target: 2 }),
  );
  await settle();
  const [first, second, third] = room.messages.getSnapshot().items as Message[];
  assert.equal(first!.body, "new");
  assert.equal(first!.editedAt, at(4));
  assert.deepEqual(first!.reactions, [{ emoji: "👍", count: 2, me: true }]);
  assert.equal(second!.body, "");
  assert.equal(second!.deletedAt, at(7));
  assert.deepEqual(third!.pinned, { by: "bob" });
  assert.deepEqual(third!.sets, [{ set: "x.task", slot: "done", data: true }]);
  assert.equal(room.getSnapshot().head, 11);
});

test("types that it does not know are counted, and move the cursor", async () => {
  const { client, room, live, socket } = await setup();
  room.messages;
  await settle();
  live(entry(1), change(2, { type: "of tomorrow", target: 1 }), change(3, { type: "of tomorrow" }));
  socket().says({ type: "aura", room: "tea", user: "bob" });
  assert.equal(room.getSnapshot().head, 3);
  assert.deepEqual(bodies(room.messages.getSnapshot().items), ["m1"]);
  assert.deepEqual([...client.ignored], [["of tomorrow", 2], ["aura", 1]]);
});

test("folds members, the room, its metadata and marks", async () => {
  const { room, live, socket, answers } = await setup();
  answers["v1/rooms/tea/members"] = { members: [{ user: "bob", role: "write" }] };
  await room.loadMembers();
  live(
    change(1, { type: "member", user: "carol", change: "joined", role: "read" }),
    change(2, { type: "member", user: "bob", change: "banned" }),
    change(3, { type: "room", change: "renamed", name: "Coffee" }),
    change(4, { type: "set", set: "room.topic", slot: "", data: "beans" }),
    change(5, { type: "set", set: "room.custom", slot: "colour", data: "brown" }),
    change(6, { type: "member", user: "alice", change: "role", role: "moderate" }),
  );
  socket().says({ type: "read", room: "tea", user: "bob", seq: 5 });
  const snapshot = room.getSnapshot();
  assert.deepEqual([...snapshot.members!.values()].map(({ user, role, banned }) => [user, role, banned]), [
    ["bob", undefined, true], ["carol", "read", undefined], ["alice", "moderate", undefined],
  ]);
  assert.deepEqual([snapshot.name, snapshot.topic, snapshot.custom, snapshot.role], ["Coffee", "beans", { colour: "brown" }, "moderate"]);
  assert.deepEqual([...snapshot.marks], [["bob", 5]]);
});

test("typing ends by itself, with a message, and with the connection", async () => {
  const { room, live, socket } = await setup();
  const typists = () => room.getSnapshot().typing;
  const types = (user: string, on = true) => socket().says({ type: "typing", room: "tea", user, on });
  types("bob");
  types("alice"); // that is me
  assert.deepEqual(typists(), ["bob"]);
  await passes(5_999);
  assert.deepEqual(typists(), ["bob"]);
  await passes(1);
  assert.deepEqual(typists(), []);
  types("bob");
  live(entry(1));
  assert.deepEqual(typists(), []);
  types("bob");
  socket().ends(1006);
  assert.deepEqual(typists(), []);
});

test("presence is asked for once somebody looks, and kept", async () => {
  const { room, socket, client } = await setup();
  assert.equal(socket().last("presence"), undefined);
  room.messages;
  socket().says({ type: "presence", room: "tea", user: "carol", online: true });
  socket().says({ type: "presence", room: "tea", user: "bob", online: false });
  const { users, total } = room.getSnapshot().present;
  assert.deepEqual([[...users.keys()], total], [["carol"], 2]);
  assert.equal(client.name("bob"), "Bob");
});

test("unread counts what others said behind my mark, but what is silent or deleted", async () => {
  const { room, live, socket } = await setup({ list: { unread: 0 } });
  await passes(100);
  live(entry(1), entry(2), entry(3, { author: alice }), entry(4, { silent: true }), change(5, { type: "deleted", target: 2 }));
  assert.equal(room.getSnapshot().unread, 1);
  room.markRead();
  assert.deepEqual([room.getSnapshot().unread, room.getSnapshot().read], [0, 5]);
  assert.equal(socket().last("read").seq, 5);
  live(entry(6));
  socket().says({ type: "read", room: "tea", user: "alice", seq: 6 }); // on another device
  assert.equal(room.getSnapshot().unread, 0);
});

test("a mark in the middle of what is unread asks the service how many are left", async () => {
  const log = from(1, 9).map((seq) => entry(seq));
  const { room, answers, asked } = await setup({ log, list: { head: 9, unread: 9 } });
  await passes(100);
  assert.equal(room.getSnapshot().unread, 9);
  answers["v1/rooms/tea"] = { ...view, head: 9, read: 4, unread: 5 };
  room.markRead(4);
  await comes(room.until(({ unread }) => unread === 5));
  assert.equal(asked.length, 2);
});

test("what I do shows at once, and the entry takes its place", async () => {
  const { room, live, socket } = await setup();
  room.messages;
  await passes(100);
  live(entry(1));
  const sending = room.send("hi\r\nthere");
  room.react(1, "👍");
  room.edit(1, "edited");
  const shown = () => room.messages.getSnapshot().items as Message[];
  assert.deepEqual(bodies(shown()), ["edited", "hi\nthere"]);
  assert.deepEqual(shown()[0]!.reactions, [{ emoji: "👍", count: 1, me: true }]);
  assert.deepEqual(shown().map(({ state }) => state), ["sending", "sending"]);
  await settle();
  assert.equal(socket().last("react"), undefined); // behind the first unanswered
  const { id } = shown()[1]!;
  socket().answers("send", { seq: 2 });
  assert.equal(shown()[1]!.state, "sent");
  live(entry(2, { author: alice, body: "hi\nthere", key: sending.key }));
  assert.deepEqual(shown().map(({ seq, id: one }) => [seq, one]), [[1, "s1"], [2, id]]);
  await settle();
  socket().answers("react", { seq: 3, changed: true });
  live(change(3, { type: "reacted", target: 1, emoji: "👍", count: 1, removed: false, author: alice }));
  assert.deepEqual(shown()[0]!.reactions, [{ emoji: "👍", count: 1, me: true }]);
});

test("a change that fails is taken back, says why, and can be discarded", async () => {
  const { room, live, socket } = await setup();
  room.messages;
  await passes(100);
  live(entry(1));
  room.delete(1);
  const shown = () => room.messages.getSnapshot().items[0] as Message;
  assert.equal(shown().body, "");
  await settle();
  socket().says({ type: "error", id: socket().last("delete").id, code: "forbidden", message: "no" });
  await settle();
  assert.deepEqual([shown().body, shown().state, shown().error!.code], ["m1", "failed", "forbidden"]);
  room.discard(shown().failed!);
  assert.equal(shown().state, "sent");
});

test("after a reconnect the stream goes on behind the cursor", async () => {
  const { room, live, socket, sockets, log } = await setup();
  room.messages;
  await settle();
  live(entry(1));
  socket().ends(1006);
  log.push(entry(2));
  await passes(500);
  socket().says(welcome);
  assert.deepEqual(socket().last("join").after, 1);
  socket().says(entry(2));
  live(entry(3));
  assert.deepEqual(seqs(room.messages.getSnapshot().items), [1, 2, 3]);
  assert.equal(sockets.length, 2);
});

test("behind a hole that the service left, history has the rest", async () => {
  const { room, socket, log, answers } = await setup({ log: from(1, 50).map((seq) => entry(seq)) });
  const around = room.window({ around: 48, size: 10, keep: 1_000 });
  await comes(around.until(({ live }) => live));
  await comes(room.messages.until(({ live }) => live));
  const reader = room.entries({ after: 49 });
  await reader.next();
  await room.loadMembers().catch(() => {});
  socket().ends(1006);
  log.push(...from(51, 2_000).map((seq) => entry(seq)));
  answers["v1/rooms/tea"] = { ...view, name: "Renamed", head: 2_000, unread: 999 };
  await passes(500);
  const send = socket().send;
  socket().send = (text) => {
    const { type, id } = JSON.parse(text);
    if (type !== "join") return send.call(socket(), text);
    socket().says({ type: "ok", id, head: 2_000, from: 1_901, truncated: true, role: "write", read: 0 });
  };
  socket().says(welcome);
  for (const seq of from(1_901, 2_000)) socket().says(entry(seq));
  await comes(room.messages.until(({ ready, items }) => ready && items.at(-1)?.seq === 2_000));
  assert.deepEqual(seqs(room.messages.getSnapshot().items), from(1_951, 2_000));
  assert.equal(around.getSnapshot().hasNewer, true);
  while (!around.getSnapshot().live) await comes(around.newer());
  const shown = seqs(around.getSnapshot().items);
  assert.deepEqual(shown, from(shown[0]!, 2_000));
  const read: number[] = [];
  while (read.length < 1_950) read.push((await comes(reader.next())).value!.seq);
  assert.deepEqual(read, from(51, 2_000));
  await passes(100);
  assert.deepEqual([room.getSnapshot().name, room.getSnapshot().unread], ["Renamed", 999]);
});

test("a hole in the stream is filled by joining again", async () => {
  const { room, socket } = await setup();
  room.messages;
  await settle();
  socket().says(entry(2));
  assert.equal(socket().last("leave").room, "tea");
  assert.equal(socket().last("join").after, 0);
  socket().says(entry(1));
  socket().says(entry(2));
  assert.deepEqual(seqs(room.messages.getSnapshot().items), [1, 2]);
});

test("another history drops what there is, and starts anew", async () => {
  const { room, live, socket, log } = await setup({ log: from(1, 9).map((seq) => entry(seq)) });
  await comes(room.messages.until(({ ready }) => ready));
  assert.equal(room.getSnapshot().head, 9);
  socket().ends(1006);
  log.splice(0, log.length, entry(1, { body: "other" }));
  await passes(500);
  socket().says({ ...welcome, log: "l2" });
  await comes(room.messages.until(({ items }) => items.length === 1));
  assert.deepEqual(bodies(room.messages.getSnapshot().items), ["other"]);
  assert.equal(socket().last("join").after, undefined);
  live(entry(2));
  assert.deepEqual(seqs(room.messages.getSnapshot().items), [1, 2]);
});

test("a cursor beyond the log's end starts anew", async () => {
  const { room, live, socket, log } = await setup({ log: from(1, 9).map((seq) => entry(seq)) });
  await comes(room.messages.until(({ ready }) => ready));
  socket().ends(1006);
  log.splice(3);
  await passes(500);
  const send = socket().send;
  socket().send = (text) => {
    const frame = JSON.parse(text);
    if (frame.type !== "join" || frame.after === undefined) return send.call(socket(), text);
    socket().says({ type: "error", id: frame.id, code: "invalid", reason: "ahead", head: 3 });
  };
  socket().says(welcome);
  await settle();
  await comes(room.messages.until(({ items }) => items.length === 3));
  live(entry(4));
  assert.deepEqual(seqs(room.messages.getSnapshot().items), [1, 2, 3, 4]);
});

test("being sent from a room is told, and the rest goes on", async () => {
  const { room, client, socket } = await setup();
  socket().says({ type: "left", room: "tea", code: "forbidden", message: "you are banned from tea" });
  assert.deepEqual([room.getSnapshot().joined, room.getSnapshot().error!.message], [false, "you are banned from tea"]);
  await assert.rejects(room.ready(), { code: "forbidden" });
  assert.equal(client.getSnapshot().status.state, "open");
});

test("snapshots are the same object until something changes, and listeners are not called in storms", async () => {
  const { room, live } = await setup();
  room.messages;
  await passes(100);
  const before = room.messages.getSnapshot();
  assert.equal(room.messages.getSnapshot(), before);
  let calls = 0;
  const unsubscribe = room.messages.subscribe(() => calls++);
  live(...from(1, 200).map((seq) => entry(seq)));
  await settle();
  assert.equal(calls, 1);
  live(entry(201));
  live(entry(202));
  await settle();
  assert.equal(calls, 1);
  await passes(16);
  assert.equal(calls, 2);
  assert.notEqual(room.messages.getSnapshot(), before);
  assert.equal(before.items.length, 0);
  unsubscribe();
  live(entry(203));
  await passes(100);
  assert.equal(calls, 2);
});

test("what a pin needs is loaded, and unpinning takes it away", async () => {
  const log = [entry(1), entry(2)];
  const { room, live, answers } = await setup({ log });
  answers["v1/rooms/tea/pins"] = { messages: [entry(1, { pinned: { by: "bob" } })] };
  await room.loadPins();
  log[1] = entry(2, { pinned: { by: "bob" } });
  live(change(3, { type: "set", set: "pinned", slot: "", target: 2, data: { by: "bob" } }));
  await settle();
  assert.deepEqual(seqs(room.getSnapshot().pins!), [2, 1]);
  live(change(4, { type: "set", set: "pinned", slot: "", target: 1 }));
  assert.deepEqual(seqs(room.getSnapshot().pins!), [2]);
});

test("typing is told once in 3 s, and what is over", async () => {
  const { room, socket } = await setup();
  const told = () => socket().sent.filter(({ type }) => type === "typing").map(({ on }) => on ?? true);
  room.typing();
  room.typing();
  await passes(3_000);
  room.typing();
  room.typing(false);
  room.typing(false);
  assert.deepEqual(told(), [true, true, false]);
});

test("after destroy nothing is left that waits", async () => {
  const { client, room, socket } = await setup();
  socket().ends(1006);
  const waits = assert.rejects(room.ready(), { code: "stopped" });
  const reader = room.entries();
  const next = reader.next();
  client.destroy();
  await waits;
  assert.equal((await next.catch((error) => error)).code ?? "done", "stopped");
  await passes(3_600_000);
  assert.equal(client.getSnapshot().status.state, "stopped");
});

test("messages and times are found in the log, one page each", async () => {
  const log = Array.from({ length: 100 }, (_, n) => (n === 49 ? change(50, { type: "deleted", target: 3 }) : entry(n + 1)));
  const { room } = await setup({ log });
  assert.equal((await room.message(7))!.body, "m7");
  assert.equal(await room.message(50), undefined); // no message
  assert.equal(await room.message(101), undefined);
  assert.equal(await room.seqAt(new Date(at(42))), 42);
  assert.equal(await room.seqAt(new Date(Date.parse(at(42)) - 1)), 42);
  assert.equal(await room.seqAt(new Date(0)), 1);
  assert.equal(await room.seqAt(new Date(at(9_999))), 100);
});

test("who reacts is read from the log", async () => {
  const carol = { id: "carol", name: "Carol" };
  const { room, client } = await setup({
    log: [
      entry(1), entry(2),
      change(3, { type: "reacted", target: 1, emoji: "👍", count: 1, removed: false }),
      change(4, { type: "reacted", target: 2, emoji: "👍", count: 1, removed: false }),
      change(5, { type: "reacted", target: 1, emoji: "👍", count: 2, removed: false, author: carol }),
      change(6, { type: "reacted", target: 1, emoji: "🎉", count: 1, removed: false, author: carol }),
      change(7, { type: "reacted", target: 1, emoji: "👍", count: 1, removed: true }),
    ],
    cut: 2,
  });
  assert.deepEqual(Object.fromEntries(await room.reactors(1)), { "👍": ["carol"], "🎉": ["carol"] });
  assert.equal(client.name("carol"), "Carol");
});

test("who listens hears each entry of all rooms once, after it was applied", async () => {
  const { client, room, live } = await setup();
  const heard: string[] = [];
  const end = client.onEntry((id, { seq, type }) => heard.push(`${id} ${seq} ${type} of ${room.getSnapshot().head}`));
  live(entry(1), change(2, { type: "edited", target: 1, body: "new" }));
  end();
  live(entry(3));
  assert.deepEqual(heard, ["tea 1 message of 1", "tea 2 edited of 2"]);
});
