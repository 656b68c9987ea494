import assert from "node:assert/strict";
import { test } from "node:test";
import { client, eventually, Proxy, Service, token } from "./kit.ts";

const ROOMS = 130;

const admin = { Authorization: `Bearer ${token("root", 600, { scope: "chat:admin" })}`, "Content-Type": "application/json" };

async function withRooms(t: any, env: Record<string, string>) {
  const service = await Service.start(t, { PARLEY_ROOMS_PER_USER: "off", ...env });
  const say = (room: string, user = "bob") => service.ask("POST", `v1/rooms/${room}/messages`, user, { body: `hello ${room}` });
  for (let n = 0; n < ROOMS; n++) await say(`r${n}`, "alice");
  const proxy = await Proxy.start(t, service);
  const alice = client(t, proxy.url, "alice");
  await alice.rooms.until(({ ready }) => ready);
  while (alice.rooms.getSnapshot().hasMore) await alice.rooms.more();
  const shown = (id: string) => {
    const room = alice.rooms.getSnapshot().rooms.find((one) => one.id === id);
    return [room?.last?.seq, room?.unread];
  };
  assert.equal(alice.rooms.getSnapshot().rooms.length, ROOMS);
  return { alice, say, shown, proxy };
}

test("rooms beyond the first hundred are live", async (t) => {
  const { alice, say, shown } = await withRooms(t, {});
  await eventually("all are followed", () => alice.rooms.getSnapshot().rooms.every(({ joined }) => joined));
  await say("r3");
  await eventually("the room of 130 that moved last is right", () => String(shown("r3")) === "2,1");
  assert.equal(alice.rooms.getSnapshot().rooms[0]!.id, "r3");
});

test("where a connection may follow ten rooms, the others are right after an outage", async (t) => {
  const { alice, say, shown, proxy } = await withRooms(t, { PARLEY_ROOMS_PER_SESSION: "10" });
  proxy.down = true;
  proxy.cut();
  for (const room of ["r1", "r60", "r129"]) await say(room);
  proxy.down = false;
  await eventually("all that moved is right", () => ["r1", "r60", "r129"].every((room) => String(shown(room)) === "2,1"));
  await eventually("they are followed", () => ["r1", "r60", "r129"].every((room) => alice.peek(room).getSnapshot().joined));
  assert.equal(alice.rooms.getSnapshot().rooms.filter(({ joined }) => joined).length, 8);
  await say("r60");
  await eventually("one of them is live", () => String(shown("r60")) === "3,2");
  assert.deepEqual(alice.rooms.getSnapshot().rooms.map(({ error }) => error).filter(Boolean), []);
});

test("pictures of people and of rooms are there, and change at once", async (t) => {
  const service = await Service.start(t);
  const put = async (path: string, body: object, method = "PUT") => {
    const response = await fetch(`${service.url}/v1/${path}`, { method, headers: admin, body: JSON.stringify(body) });
    assert.ok(response.ok, await response.text());
  };
  await put("users/bob", { name: "Bob", avatar: "https://example.com/bob.png", custom: { pronouns: "he/him" } });
  await service.ask("POST", "v1/rooms", "alice", { room: "tea", name: "Tea" });
  await put("rooms/tea", { topic: "green" }, "PATCH");
  const alice = client(t, service.url, "alice");
  await alice.until(({ status }) => status.state === "open");
  assert.deepEqual(alice.person("bob"), { id: "bob", name: "bob", avatar: undefined, custom: {} });
  await alice.until(() => alice.person("bob").avatar !== undefined);
  const bob = alice.person("bob");
  assert.deepEqual(bob, { id: "bob", name: "Bob", avatar: "https://example.com/bob.png", custom: { pronouns: "he/him" } });
  assert.equal(alice.person("bob"), bob);
  await put("users/bob", { name: "Bob", avatar: "/bob.svg" });
  await alice.until(() => alice.person("bob").avatar === "/bob.svg");
  assert.equal(alice.name("bob"), "Bob");

  const room = alice.room("tea");
  await room.until(({ topic }) => topic === "green");
  await put("rooms/tea", { topic: "black", avatar: "https://example.com/tea.png" }, "PATCH");
  const { topic, avatar } = await room.until((snapshot) => snapshot.avatar !== undefined);
  assert.deepEqual([topic, avatar], ["black", "https://example.com/tea.png"]);
});
