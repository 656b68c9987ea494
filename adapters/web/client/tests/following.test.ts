// More rooms than a connection may follow.
import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { createClient, type Client } from "../src/client.ts";
import { comes, FakeSocket, passes, settle, welcome } from "./socket.ts";

const clients: Client[] = [];

beforeEach(() => mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_000_000_000 }));
afterEach(async () => {
  clients.splice(0).forEach((client) => client.destroy());
  await settle();
  mock.timers.reset();
});

const bob = { id: "bob", name: "Bob" };
const said = (room: string, seq: number, at: number) =>
  ({ type: "message", room, seq, at: new Date(at).toISOString(), author: bob, body: `${room} ${seq}` });

// A service with so many rooms, r0 the latest, which follows no more than it says.
async function setup({ rooms: count = 120, limit = 10 } = {}) {
  const sockets: Service[] = [];
  const asked: string[] = [];
  const followed = new Set<string>();
  let most = 0;
  const rooms = new Map<string, any>();
  const says = (room: string, seq: number, at = Date.now(), read = rooms.get(room)?.read ?? 0) =>
    rooms.set(room, {
      room, name: "", public: true, archived: false, head: seq, role: "write", read, unread: seq - read,
      active_at: new Date(at).toISOString(), last: said(room, seq, at),
    });
  for (let n = 0; n < count; n++) says(`r${n}`, 1, 900_000_000 - n * 200_000);
  class Service extends FakeSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols);
      followed.clear();
      sockets.push(this);
    }
    override send(text: string): void {
      super.send(text);
      const { type, id, room, after } = JSON.parse(text);
      if (type === "ping") this.says({ type: "ok", id, now: new Date().toISOString() });
      if (type === "history") {
        const { head } = rooms.get(room);
        const entries = Array.from({ length: head - (after ?? 0) }, (_, n) => said(room, (after ?? 0) + 1 + n, Date.now()));
        this.says({ type: "ok", id, head, entries, more: false });
      }
      if (type === "leave") followed.delete(room);
      if (type !== "join") return;
      if (followed.size >= limit) return this.says({ type: "error", id, code: "conflict", message: "too many rooms" });
      followed.add(room);
      most = Math.max(most, followed.size);
      const { head, read } = rooms.get(room);
      this.says({ type: "ok", id, head, from: (after ?? head) + 1, truncated: false, role: "write", read });
      for (let seq = after + 1; seq <= head; seq++) this.says(said(room, seq, Date.now()));
    }
  }
  const client = createClient({
    url: "https://x", getToken: () => "tok", WebSocket: Service,
    fetch: async (url) => {
      const query = new URL(url as string).searchParams;
      asked.push(query.get("cursor") ?? "first");
      const all = [...rooms.values()].sort((a, b) => (a.active_at < b.active_at ? 1 : -1));
      const from = Number(query.get("cursor") ?? 0);
      return Response.json({ rooms: all.slice(from, from + 50), ...(all.length > from + 50 && { next: String(from + 50) }) });
    },
  });
  clients.push(client);
  client.rooms;
  await settle();
  const begin = async () => {
    sockets.at(-1)!.says({ ...welcome, limits: { ...welcome.limits, rooms: limit } });
    await comes(client.rooms.until(({ ready, loading }) => ready && !loading));
  };
  await begin();
  const find = (id: string) => client.rooms.getSnapshot().rooms.find((room) => room.id === id);
  const shown = (id: string) => { const room = find(id); return room && [room.last?.body, room.unread]; };
  return { client, sockets, asked, followed, says, begin, find, shown, rooms, most: () => most };
}

test("the latest rooms are followed, as many as a connection may, and some places are kept", async () => {
  const { client, followed, most } = await setup();
  assert.deepEqual([...followed], ["r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7"]);
  client.room("r100");
  client.room("r101");
  assert.equal(followed.size, 10);
  client.room("r102"); // the last of the list makes place
  assert.ok(followed.has("r102") && !followed.has("r7"));
  assert.equal(most(), 10);
});

test("where a connection may follow many, all that are loaded are live", async () => {
  const { client, followed, sockets, shown } = await setup({ limit: 2_000 });
  while (client.rooms.getSnapshot().hasMore) await client.rooms.more();
  assert.equal(followed.size, 120);
  sockets[0]!.says(said("r119", 2, Date.now()));
  assert.deepEqual(shown("r119"), ["r119 2", 2]);
  assert.equal(client.rooms.getSnapshot().rooms[0]!.id, "r119");
});

test("what moves in a room that is not followed comes with the next look, and is live from then on", async () => {
  const { client, says, shown, followed, asked, sockets, most } = await setup();
  await client.rooms.more();
  says("r80", 3); // it is loaded
  says("r110", 2); // it is not
  assert.deepEqual([shown("r80"), shown("r110")], [["r80 1", 1], undefined]);
  const before = asked.length;
  await passes(30_000);
  await comes(client.rooms.until(({ loading }) => !loading));
  assert.deepEqual([shown("r80"), shown("r110")], [["r80 3", 3], ["r110 2", 2]]);
  assert.ok(followed.has("r80") && followed.has("r110") && !followed.has("r6"));
  sockets[0]!.says(said("r110", 3, Date.now()));
  assert.deepEqual(shown("r110"), ["r110 3", 3]);
  assert.equal(most(), 8);
  assert.equal(asked.length - before, 2); // one page of what moved, one in turn
});

test("after an outage all that moved is found, over many pages", async () => {
  const { client, says, shown, sockets, begin, asked } = await setup();
  while (client.rooms.getSnapshot().hasMore) await client.rooms.more();
  sockets[0]!.ends(1006);
  for (let n = 0; n < 70; n++) says(`r${119 - n}`, 2, 900_500_000 + n);
  await passes(500);
  asked.length = 0;
  await begin();
  assert.deepEqual(asked, ["first", "50"]);
  for (let n = 0; n < 70; n++) assert.deepEqual(shown(`r${119 - n}`), [`r${119 - n} 2`, 2]);
});

test("what is read elsewhere in a room that is not followed is seen in turn", async () => {
  const { client, rooms, shown } = await setup();
  while (client.rooms.getSnapshot().hasMore) await client.rooms.more();
  Object.assign(rooms.get("r115"), { read: 1, unread: 0 });
  for (let n = 0; n < 3; n++) {
    assert.deepEqual([n, shown("r115")], [n, ["r115 1", 1]]);
    await passes(30_000);
    await comes(client.rooms.until(({ loading }) => !loading));
    await settle();
  }
  assert.deepEqual(shown("r115"), ["r115 1", 0]);
});

test("a room that rests goes on where it was when it is used again", async () => {
  const { client, followed, says, sockets } = await setup({ rooms: 12, limit: 2 });
  const kept = client.room("r5");
  const window = kept.window();
  await settle();
  client.room("r6");
  client.room("r7");
  assert.deepEqual([...followed].sort(), ["r5", "r7"]); // r5 is looked at
  window.close();
  client.room("r8");
  client.room("r9");
  assert.ok(!followed.has("r5"));
  assert.equal(kept.getSnapshot().joined, false);
  says("r5", 3);
  const seen: number[] = [];
  const reader = kept.entries({ after: 1 });
  void (async () => { for await (const { seq } of reader) seen.push(seq); })();
  await settle();
  assert.ok(followed.has("r5"));
  assert.equal(kept.getSnapshot().head, 3);
  sockets[0]!.says(said("r5", 4, Date.now()));
  await settle();
  assert.equal(kept.getSnapshot().head, 4);
});

test("nothing is asked for where all rooms are followed", async () => {
  const { asked } = await setup({ rooms: 8 });
  await passes(120_000);
  assert.deepEqual(asked, ["first"]);
});
