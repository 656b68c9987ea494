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
function page(storage = memoryStorage(), token = alices) {
  const sockets: FakeSocket[] = [];
  class Socket extends FakeSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols);
      sockets.push(this);
    }
  }
  const client = createClient({ url: "http://x", getToken: () => token, storage, WebSocket: Socket, fetch: () => Promise.reject(new Error("away")) });
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
