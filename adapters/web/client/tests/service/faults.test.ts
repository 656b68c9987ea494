import assert from "node:assert/strict";
import { test } from "node:test";
import { memoryStorage } from "../../src/storage.ts";
import { bodies, client, eventually, Proxy, Service, token } from "./kit.ts";

test("a socket that is cut in the middle of a send loses and doubles nothing", async (t) => {
  const service = await Service.start(t);
  const proxy = await Proxy.start(t, service);
  const alice = client(t, proxy.url, "alice");
  const room = alice.room("tea");
  await room.send("first").outcome;

  proxy.cutAfter = 30; // in the middle of a frame
  const cut = room.send("cut on its way");
  const behind = room.send("behind it");
  await Promise.all([cut.outcome, behind.outcome]);

  proxy.deaf = true; // stored, and the answer is lost
  const unanswered = room.send("the answer is lost");
  await eventually("it is stored", async () => bodies(await service.log("tea")).includes("the answer is lost"));
  proxy.cut();
  proxy.deaf = false;
  assert.equal((await unanswered.outcome).state, "sent");
  await room.send("last").outcome;

  const want = ["first", "cut on its way", "behind it", "the answer is lost", "last"];
  assert.deepEqual(bodies(await service.log("tea")), want);
  await room.messages.until(({ items }) => bodies(items).length === want.length && items.every((item) => item.seq > 0));
  assert.deepEqual(bodies(room.messages.getSnapshot().items), want);
});

test("a service that is killed while one sends and comes back has all of it, in order", async (t) => {
  const service = await Service.start(t);
  const [alice, bob] = [client(t, service.url, "alice"), client(t, service.url, "bob")];
  await bob.room("tea").messages.until(({ ready }) => ready);
  const want = Array.from({ length: 60 }, (_, n) => `m${n}`);
  const sent = want.map((body) => alice.room("tea").send(body).outcome);
  await sent[20];
  await service.ends("SIGKILL");
  await service.starts();
  for (const one of [alice, bob]) one.reconnect();
  for (const outcome of await Promise.all(sent)) assert.equal(outcome.state, "sent");
  assert.deepEqual(bodies(await service.log("tea")), want);
  await bob.room("tea").messages.until(({ items }) => bodies(items).length === want.length);
  assert.deepEqual(bodies(bob.room("tea").messages.getSnapshot().items), want);
});

test("a node that drains is left in time, and the next one goes on", async (t) => {
  const service = await Service.start(t);
  const alice = client(t, service.url, "alice");
  const room = alice.room("tea");
  await room.send("before").outcome;
  await service.ends("SIGTERM");
  assert.notEqual(alice.getSnapshot().status.state, "stopped");
  const meanwhile = room.send("meanwhile");
  await service.starts();
  alice.reconnect();
  assert.equal((await meanwhile.outcome).state, "sent");
  assert.deepEqual(bodies(await service.log("tea")), ["before", "meanwhile"]);
});

for (const hours of [-5, 5]) {
  test(`tokens that expire are renewed on the live socket, this clock ${hours} h off`, async (t) => {
    const now = Date.now;
    Date.now = () => now() + hours * 3_600_000;
    t.after(() => { Date.now = now; });
    const service = await Service.start(t);
    const proxy = await Proxy.start(t, service);
    const asked: string[] = [];
    const alice = client(t, proxy.url, "alice", {
      getToken: (reason) => {
        asked.push(reason);
        return token("alice", 8, { n: asked.length }); // renewed a fifth of it before its end: a busy machine must be in time
      },
    });
    const room = alice.room("tea");
    await eventually("the token was renewed twice", () => asked.length >= 3);
    assert.equal((await room.send("still here").outcome).state, "sent");
    assert.deepEqual(asked.slice(0, 3), ["first", "expiring", "expiring"]);
    assert.equal(proxy.sockets, 1);
  });
}

test("a token that is refused is asked for anew", async (t) => {
  const service = await Service.start(t);
  const asked: string[] = [];
  const alice = client(t, service.url, "alice", {
    getToken: (reason) => (asked.push(reason), reason === "refused" ? token("alice") : token("alice", -60)),
  });
  await alice.until(({ status }) => status.state === "open");
  assert.deepEqual(asked, ["first", "refused"]);
});

test("another history drops what there is, but what was not sent", async (t) => {
  const service = await Service.start(t);
  const alice = client(t, service.url, "alice");
  const room = alice.room("tea");
  for (const body of ["old 1", "old 2", "old 3"]) await room.send(body).outcome;
  await room.messages.until(({ items }) => items.length === 3);
  await service.ends("SIGKILL");
  const unsent = room.send("for whoever is there", { replyTo: 2 });
  const edit = room.edit(1, "of another history");
  await service.forgets();
  await service.starts();
  await service.ask("POST", "v1/rooms/tea/messages", "bob", { body: "new 1" });
  alice.reconnect();
  assert.equal((await unsent.outcome).state, "sent");
  assert.equal((await edit.outcome).error!.reason, "log");
  await room.messages.until(({ items }) => items.length === 2 && items.every(({ seq }) => seq > 0));
  assert.deepEqual(bodies(room.messages.getSnapshot().items), ["new 1", "for whoever is there"]);
  assert.deepEqual((await service.log("tea")).map((entry: any) => entry.reply_to), [undefined, undefined]);
});

test("two tabs with one storage send what was left, once and in order", async (t) => {
  const service = await Service.start(t);
  const storage = memoryStorage();
  const proxy = await Proxy.start(t, service);
  const offline = client(t, proxy.url, "alice", { storage });
  await offline.room("tea").ready();
  proxy.down = true;
  proxy.cut();
  const left = Array.from({ length: 20 }, (_, n) => `left ${n}`);
  for (const body of left) offline.room("tea").send(body);
  await eventually("all is kept", async () => (await storage.list("outbox/")).length === left.length);
  offline.destroy();

  const tabs = [client(t, service.url, "alice", { storage }), client(t, service.url, "alice", { storage })];
  await eventually("nothing is left", async () => (await storage.list("outbox/")).length === 0);
  await Promise.all(tabs.map((tab, n) => tab.room("tea").send(`tab ${n}`).outcome));
  const log = bodies(await service.log("tea"));
  assert.deepEqual(log.slice(0, left.length), left);
  assert.deepEqual(log.slice(left.length).sort(), ["tab 0", "tab 1"]);
  for (const tab of tabs) await tab.room("tea").messages.until(({ items }) => items.length === log.length);
});

test("a reader that comes back after a restart of its program goes on where it was", async (t) => {
  const service = await Service.start(t);
  const storage = memoryStorage();
  for (let n = 0; n < 5; n++) await service.ask("POST", "v1/rooms/tea/messages", "bob", { body: `m${n}` });
  const seen: string[] = [];
  const before = client(t, service.url, "bot", { storage });
  for await (const entry of before.room("tea").entries({ name: "bot", after: 0 })) {
    seen.push((entry as any).body);
    if (seen.length === 4) break; // the fourth was not finished
  }
  await eventually("the cursor is kept", async () => ((await storage.list("cursor/"))[0]?.[1] as any)?.seq === 3);
  before.destroy();
  for await (const entry of client(t, service.url, "bot", { storage }).room("tea").entries({ name: "bot" })) {
    seen.push((entry as any).body);
    if (seen.length === 6) break;
  }
  assert.deepEqual(seen, ["m0", "m1", "m2", "m3", "m3", "m4"]);
});
