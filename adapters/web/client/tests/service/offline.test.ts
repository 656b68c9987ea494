import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { bodies, client, eventually, Proxy, Service } from "./kit.ts";

// Lets the clock of this process run ahead of the true one, until something holds.
async function runs(what: string, ms: number, holds: () => unknown): Promise<void> {
  await eventually(what, () => {
    mock.timers.tick(ms);
    return holds();
  });
}

test("after an hour offline all is there, and what was written meanwhile is sent", async (t) => {
  const service = await Service.start(t);
  const proxy = await Proxy.start(t, service);
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: Date.now() });
  t.after(() => mock.timers.reset());
  const alice = client(t, proxy.url, "alice", { fetch: () => Promise.reject(new Error("its timers are the true ones")) });
  const room = alice.room("tea");
  await runs("it is live", 10, () => room.messages.getSnapshot().live);
  const first = room.send("before").outcome;
  await first;
  proxy.down = true;
  proxy.cut();
  const began = Date.now();
  const sent = [room.send("from the train").outcome];
  let attempts = 0;
  alice.subscribe(() => { if (alice.getSnapshot().status.state === "connecting") attempts++; });
  for (let n = 0; n < 5; n++) await service.ask("POST", "v1/rooms/tea/messages", "bob", { body: `meanwhile ${n}` });
  await runs("an hour is over", 10_000, () => Date.now() - began > 3_600_000);
  sent.push(room.send("still on the train").outcome);
  assert.ok(attempts > 20 && attempts < 1_000, `${attempts} attempts in an hour`);
  proxy.down = false;
  await runs("it is back", 1_000, () => alice.getSnapshot().status.state === "open");
  for (const outcome of await Promise.all(sent)) assert.equal(outcome.state, "sent");
  const log = bodies(await service.log("tea"));
  assert.deepEqual(log, ["before", "meanwhile 0", "meanwhile 1", "meanwhile 2", "meanwhile 3", "meanwhile 4", "from the train", "still on the train"]);
  await runs("all is shown", 16, () => bodies(room.messages.getSnapshot().items).length === log.length);
  assert.deepEqual(bodies(room.messages.getSnapshot().items), log);
});
