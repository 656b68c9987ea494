import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient } from "../src/client.ts";
import { memoryStorage } from "../src/storage.ts";
import { withClock } from "./room.ts";
import { comes, FakeSocket, passes, settle, welcome } from "./socket.ts";

withClock();

const tokenOf = (claims: object) => `h.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.s`;
const alices = tokenOf({ sub: "alice", name: "Алиса" });

// A page: its client, and the sockets that it opened. Nobody answers those by themselves.
function page(storage = memoryStorage(), token = alices, fetch: typeof globalThis.fetch = () => Promise.reject(new Error("away"))) {
  const sockets: FakeSocket[] = [];
  class Socket extends FakeSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols);
      sockets.push(this);
    }
  }
  const client = createClient({ url: "http://x", getToken: () => token, storage, WebSocket: Socket, fetch });
  return { client, sockets, storage };
}

const bodies = (client: ReturnType<typeof page>["client"]) => client.room("tea").messages.getSnapshot().items.map((item) => [(item as any).body, (item as any).state]);

test("a page that is loaded while the service is away shows what is unsent, and sends it later, once", async () => {
  const before = page();
  before.client.room("tea").messages;
  await settle();
  before.client.room("tea").send("one");
  before.client.room("tea").send("two");
  await settle();
  before.client.destroy();

  const { client, sockets } = page(before.storage);
  client.room("tea").messages;
  await settle();
  assert.deepEqual(client.getSnapshot().me, { id: "alice", name: "Алиса" });
  sockets.at(-1)!.ends(1006);
  assert.equal(client.getSnapshot().status.state, "waiting");
  assert.deepEqual(bodies(client), [["one", "sending"], ["two", "sending"]]);
  client.room("tea").send("three");
  await comes(client.until(({ status }) => status.state === "connecting"));
  await settle();
  const socket = sockets.at(-1)!;
  socket.says(welcome);
  await settle();
  socket.answers("join", { head: 0, from: 1, truncated: false, role: "write", read: 0 });
  for (let seq = 1; seq <= 3; seq++) {
    await passes(0);
    socket.answers("send", { seq });
  }
  await passes(0);
  assert.deepEqual(socket.sent.filter(({ type }) => type === "send").map(({ body }) => body), ["one", "two", "three"]);
  assert.deepEqual(await before.storage.list("outbox/"), []);
  client.destroy();
});

test("what is unsent is shown to nobody else", async () => {
  const { client, storage } = page();
  await settle();
  client.room("tea").send("of alice");
  await settle();
  client.destroy();
  for (const token of [tokenOf({ sub: "bob" }), "no JWT"]) {
    const other = page(storage, token);
    other.client.room("tea").messages;
    await settle();
    assert.deepEqual(bodies(other.client), []);
    other.client.destroy();
  }
  assert.equal((await storage.list("outbox/alice/")).length, 1);
});

test("rooms in which something is unsent are listed while the service is away, by the names that they had", async () => {
  const before = page();
  before.client.rooms;
  await settle();
  const [tea, den] = ["tea", "den"].map((id) => before.client.room(id));
  tea!.describe_({ room: "tea", name: "Tea & cake", public: true, archived: false, head: 0, role: "write", read: 0, unread: 0 });
  tea!.send("one");
  await passes(1_000);
  den!.send("two");
  await settle();
  before.client.destroy();

  const { client, sockets } = page(before.storage);
  const listed = () => client.rooms.getSnapshot().rooms.map(({ id, name, last }) => [id, name, last?.body, last?.state]);
  client.rooms;
  await settle();
  assert.deepEqual(listed(), [["den", "", "two", "sending"], ["tea", "Tea & cake", "one", "sending"]]);
  await passes(1_000);
  client.room("tea").send("three");
  await settle();
  assert.deepEqual(listed(), [["tea", "Tea & cake", "three", "sending"], ["den", "", "two", "sending"]]);
  const [, third] = client.room("tea").messages.getSnapshot().items as any[];
  client.room("tea").discard(third.key);
  await settle();
  assert.deepEqual(listed(), [["den", "", "two", "sending"], ["tea", "Tea & cake", "one", "sending"]]);
  assert.equal(client.rooms.getSnapshot().ready, false);
  assert.equal(sockets.flatMap(({ sent }) => sent).length, 0);
  client.destroy();

  // Who asks for the list later gets the same.
  const late = page(before.storage);
  await settle();
  assert.deepEqual(late.client.rooms.getSnapshot().rooms.map(({ id }) => id), ["den", "tea"]);
  late.client.destroy();
});

test("once the service is back the list is the true one, and what is unsent is sent in order", async () => {
  const before = page();
  await settle();
  for (const [room, body] of [["tea", "one"], ["den", "two"], ["tea", "three"], ["lost", "four"]]) before.client.room(room!).send(body!);
  await settle();
  before.client.destroy();

  const view = (room: string) => ({ room, name: room.toUpperCase(), public: true, archived: false, head: 0, role: "write", read: 0, unread: 0 });
  const asked: string[] = [];
  const { client, sockets } = page(before.storage, alices, async (url) => {
    const { pathname } = new URL(url as string);
    asked.push(pathname);
    if (pathname === "/v1/rooms") return Response.json({ rooms: [view("den")] });
    return pathname === "/v1/rooms/tea" ? Response.json(view("tea")) : Response.json({ error: { code: "not_found", message: "no such room" } }, { status: 404 });
  });
  client.rooms;
  await settle();
  sockets[0]!.says(welcome);
  const heads: Record<string, number> = {};
  let answered = 0;
  const sent: string[] = [];
  for (let turns = 0; turns < 20; turns++) {
    await passes(0);
    for (; answered < sockets[0]!.sent.length; answered++) {
      const { type, id, room, body, key } = sockets[0]!.sent[answered];
      if (type === "join" && room !== "lost") sockets[0]!.says({ type: "ok", id, head: 0, from: 1, truncated: false, role: "write", read: 0 });
      else if (type === "send" && room !== "lost") {
        const seq = (heads[room] = (heads[room] ?? 0) + 1);
        sent.push(body);
        sockets[0]!.says({ type: "ok", id, seq });
        sockets[0]!.says({ type: "message", room, seq, at: new Date().toISOString(), author: welcome.user, key, body });
      } else if (room === "lost") sockets[0]!.says({ type: "error", id, code: "not_found", message: "no such room" });
    }
  }
  assert.deepEqual(sent.filter((body) => body !== "two"), ["one", "three"]);
  const { rooms, ready } = client.rooms.getSnapshot();
  assert.equal(ready, true);
  assert.deepEqual(rooms.map(({ id, name, last }) => [id, name, last?.body, last?.state]).sort(), [["den", "DEN", "two", "sent"], ["tea", "TEA", "three", "sent"]]);
  assert.ok(asked.includes("/v1/rooms/lost"));
  client.destroy();
});

test("rooms with what is unsent that are not on the first page are asked for a few at a time, unless they are left", async () => {
  const before = page();
  await settle();
  const ids = Array.from({ length: 30 }, (_, n) => `room${n}`);
  for (const id of ids) before.client.room(id).send("one");
  await settle();
  before.client.destroy();

  const asked = new Set<string>();
  const waiting: (() => void)[] = [];
  let most = 0;
  const { client, sockets } = page(before.storage, alices, async (url) => {
    const { pathname } = new URL(url as string);
    if (pathname === "/v1/rooms") return Response.json({ rooms: [] });
    asked.add(pathname);
    await new Promise<void>((answer) => { most = Math.max(most, waiting.push(answer)); });
    return pathname.endsWith("room7")
      ? Response.json({ error: { code: "not_found", message: "no such room" } }, { status: 404 })
      : Response.json({ room: pathname.split("/").at(-1), name: "", public: true, archived: false, head: 0, role: "write", read: 0, unread: 0 });
  });
  client.rooms;
  await settle();
  sockets[0]!.says(welcome);
  await settle();
  assert.equal(waiting.length, 8);
  sockets[0]!.says({ type: "left", room: "room29", code: "forbidden", message: "banned" }); // before it is asked for
  await settle();
  while (waiting.length) {
    waiting.shift()!();
    await settle();
  }
  assert.equal(most, 8);
  assert.equal(asked.size, ids.length - 1);
  assert.deepEqual(client.rooms.getSnapshot().rooms.map(({ id }) => id).sort(), ids.filter((id) => id !== "room7" && id !== "room29").sort());
  client.destroy();
});

test("what the service refused can be tried again after a reload while it is away", async () => {
  const before = page();
  before.client.room("tea");
  await settle();
  before.sockets[0]!.says(welcome);
  await settle();
  before.client.room("tea").send("one");
  await passes(0);
  before.sockets[0]!.says({ type: "error", id: before.sockets[0]!.last("send").id, code: "forbidden", message: "you may read only" });
  await passes(0);
  before.client.destroy();

  const { client } = page(before.storage);
  const last = () => client.rooms.getSnapshot().rooms.map(({ id, last }) => [id, last?.state, last?.error?.code]);
  client.rooms;
  await settle();
  assert.deepEqual(last(), [["tea", "failed", "forbidden"]]);
  client.room("tea").retry(client.rooms.getSnapshot().rooms[0]!.last!.failed!);
  await settle();
  assert.deepEqual(last(), [["tea", "sending", undefined]]);
  client.room("tea").discard(client.rooms.getSnapshot().rooms[0]!.last!.key!);
  await settle();
  assert.deepEqual(last(), [["tea", undefined, undefined]]);
  assert.deepEqual(await before.storage.list("outbox/"), []);
  client.destroy();
});
