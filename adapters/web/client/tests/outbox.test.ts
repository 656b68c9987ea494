import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { ParleyError } from "../src/errors.ts";
import { Outbox, type Outcome } from "../src/outbox.ts";
import { memoryStorage, type Storage } from "../src/storage.ts";
import { passes, settle } from "./socket.ts";

beforeEach(() => mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_000_000_000 }));
afterEach(() => mock.timers.reset());

// The service as an outbox sees it: a log of bodies, and what it answers.
function service() {
  const log: { room: string; key: string; body: string }[] = [];
  const asked: string[] = [];
  const state = { log, asked, refuse: (_body: string): ParleyError | undefined => undefined, hold: false, held: [] as (() => void)[] };
  const request = async (command: any, take: (ok: any) => void) => {
    asked.push(command.body ?? command.type);
    await settle();
    const error = state.refuse(command.body);
    if (error) throw error;
    let seq = log.findIndex(({ key }) => key === command.key) + 1;
    if (!seq || command.type !== "send") seq = log.push({ room: command.room, key: command.key, body: command.body });
    if (state.hold) await new Promise<void>((resolve) => state.held.push(resolve));
    take({ seq });
    return { seq };
  };
  return { ...state, state, request };
}

function outbox(request: any, storage: Storage = memoryStorage(), applied = 0) {
  return new Outbox({ storage_: storage, request_: request, applied_: (_, seq) => seq <= applied, changed_: () => {} });
}

const say = (box: Outbox, body: string, room = "a") => box.add_(room, { type: "send", room, body });
const bodies = (log: { body: string }[]) => log.map(({ body }) => body);
const lost = () => new ParleyError({ code: "unanswered" });

async function idle(ms = 0) {
  for (let n = 0; n < 40; n++) await passes(ms);
}

test("sends in order, one at a time, and each is there until its entry is", async () => {
  const { log, request } = service();
  const box = outbox(request);
  await box.open_("alice", "l1");
  const sent = ["1", "2", "3"].map((body) => say(box, body));
  assert.deepEqual(box.in_("a").map(({ state }) => state), ["sending", "sending", "sending"]);
  await idle();
  assert.deepEqual(bodies(log), ["1", "2", "3"]);
  assert.deepEqual(box.in_("a").map(({ state, seq }) => [state, seq]), [["sent", 1], ["sent", 2], ["sent", 3]]);
  box.seen_("a", 2, true, sent[1]!.item.key);
  assert.deepEqual(box.in_("a").map(({ seq }) => seq), [1, 3]);
  assert.equal((await sent[0]!.outcome).state, "sent");
});

test("what waits for an answer holds up its room, and no other", async () => {
  const { log, state, request } = service();
  const box = outbox(request);
  await box.open_("alice", "l1");
  state.hold = true;
  say(box, "1");
  say(box, "2");
  await idle();
  say(box, "other", "b");
  await idle();
  assert.deepEqual(bodies(log), ["1", "other"]);
});

test("an answer that was lost is asked for again, with the same key, before all that follows", async () => {
  const { log, asked, request } = service();
  let cut = true;
  const box = outbox(async (command: any, take: any) => {
    const answer = request(command, cut ? () => {} : take);
    if (!cut) return answer;
    await answer;
    throw lost();
  });
  await box.open_("alice", "l1");
  say(box, "1");
  say(box, "2");
  await idle();
  assert.deepEqual(asked, ["1"]);
  box.close_();
  cut = false;
  await box.open_("alice", "l1");
  await idle();
  assert.deepEqual(asked, ["1", "1", "2"]);
  assert.deepEqual(bodies(log), ["1", "2"]);
});

for (const code of ["rate_limited", "unavailable"]) {
  test(`${code} is waited for, and nothing overtakes`, async () => {
    const { log, asked, state, request } = service();
    const box = outbox(request);
    await box.open_("alice", "l1");
    state.refuse = () => new ParleyError({ code, retry_after_ms: 5_000 });
    say(box, "1");
    say(box, "2");
    await idle();
    await passes(4_999);
    assert.deepEqual(asked, ["1"]);
    state.refuse = () => undefined;
    await idle(1_000);
    assert.deepEqual(bodies(log), ["1", "2"]);
    assert.deepEqual(asked, ["1", "1", "2"]);
  });
}

test("what the service refuses fails with the reason, and the rest goes on", async () => {
  const { log, state, request } = service();
  const box = outbox(request);
  await box.open_("alice", "l1");
  state.refuse = (body) => (body === "bad" ? new ParleyError({ code: "forbidden", message: "no" }) : undefined);
  const bad = say(box, "bad");
  say(box, "good");
  await idle();
  assert.deepEqual(bodies(log), ["good"]);
  const outcome: Outcome = await bad.outcome;
  assert.equal(outcome.state, "failed");
  assert.equal(outcome.error!.code, "forbidden");
  assert.equal(box.in_("a")[0]!.error!.message, "no");
  state.refuse = () => undefined;
  box.retry_("a", bad.item.key);
  await idle();
  assert.deepEqual(bodies(log), ["good", "bad"]);
});

test("what is discarded is not sent", async () => {
  const { log, request } = service();
  const box = outbox(request);
  const { item, outcome } = say(box, "1");
  say(box, "2");
  box.discard_("a", item.key);
  await box.open_("alice", "l1");
  await idle();
  assert.deepEqual(bodies(log), ["2"]);
  assert.deepEqual(await outcome, { state: "discarded" });
});

test("a reload loses nothing, keeps the order and the keys, and what failed", async () => {
  const { log, state, request } = service();
  const storage = memoryStorage();
  const before = outbox(async () => { throw lost(); }, storage);
  await before.open_("alice", "l1");
  const keys = ["1", "2"].map((body) => say(before, body).item.key);
  await idle();
  before.close_();
  const failing = outbox(request, storage);
  state.refuse = (body) => (body === "1" ? new ParleyError({ code: "forbidden" }) : undefined);
  mock.timers.setTime(500_000_000); // this machine's clock is set back
  say(failing, "3");
  await failing.open_("alice", "l1");
  await idle();
  assert.deepEqual(log.map(({ key, body }) => [key === keys[1], body]), [[true, "2"], [false, "3"]]);
  const after = outbox(request, storage);
  await after.open_("alice", "l1");
  await idle();
  assert.deepEqual(after.in_("a").map(({ key, state: s, error }) => [key, s, error?.code]), [[keys[0], "failed", "forbidden"]]);
  assert.equal((await storage.list("outbox/")).length, 1);
});

test("what one user left is not sent by another", async () => {
  const { log, request } = service();
  const storage = memoryStorage();
  const before = outbox(async () => { throw lost(); }, storage);
  await before.open_("alice", "l1");
  say(before, "alice's");
  await idle();
  const after = outbox(request, storage);
  await after.open_("alicea", "l1");
  await idle();
  assert.deepEqual(log, []);
});

test("two tabs with one storage lose nothing and double nothing, edits included", async () => {
  const { log, asked, request } = service();
  const storage = memoryStorage();
  const offline = outbox(async () => { throw lost(); }, storage);
  await offline.open_("alice", "l1");
  for (let n = 0; n < 5; n++) say(offline, `m${n}`);
  offline.add_("a", { type: "edit", room: "a", seq: 1, body: "edit" });
  await idle();
  const tabs = [outbox(request, storage), outbox(request, storage)];
  await Promise.all(tabs.map((tab) => tab.open_("alice", "l1")));
  say(tabs[0]!, "from one");
  say(tabs[1]!, "from the other");
  await idle();
  assert.deepEqual(bodies(log).slice(0, 6), ["m0", "m1", "m2", "m3", "m4", "edit"]);
  assert.deepEqual(bodies(log).slice(6).sort(), ["from one", "from the other"]);
  assert.equal(asked.length, 8);
  assert.deepEqual(await storage.list("outbox/"), []);
});

test("a storage that fails or hangs costs nothing but the reload", async () => {
  const { log, request } = service();
  const failing = (): Storage => ({
    ...memoryStorage(),
    get: () => Promise.reject(new Error("broken")),
    set: () => Promise.reject(new Error("full")),
    list: () => Promise.reject(new Error("broken")),
  });
  const box = outbox(request, failing());
  await box.open_("alice", "l1");
  say(box, "1");
  await idle();
  assert.deepEqual(bodies(log), ["1"]);
  const hanging = outbox(request, { ...memoryStorage(), set: () => new Promise(() => {}), get: async () => 1 });
  await hanging.open_("alice", "l1");
  say(hanging, "2");
  await idle(100);
  assert.deepEqual(bodies(log), ["1", "2"]);
});

test("what was written about another history is not done to this one", async () => {
  const commands: any[] = [];
  const box = outbox(async (command: any, take: any) => { commands.push(command); take({ seq: 9 }); });
  await box.open_("alice", "l1");
  box.close_();
  const edit = box.add_("a", { type: "edit", room: "a", seq: 3, body: "x" });
  box.add_("a", { type: "send", room: "a", body: "reply", reply_to: 3 });
  await box.open_("alice", "l2");
  await idle();
  assert.equal((await edit.outcome).error!.reason, "log");
  assert.deepEqual(commands.map(({ body, reply_to }) => [body, reply_to]), [["reply", undefined]]);
});

test("a second send with a key gives what becomes of the first, and one that failed goes out again", async () => {
  const { log, state, request } = service();
  const box = outbox(request);
  const keyed = (body: string, room = "a") => box.add_(room, { type: "send", room, body }, "k1");
  const [first, again, elsewhere] = [keyed("1"), keyed("2"), keyed("1", "b")];
  state.refuse = () => new ParleyError({ code: "forbidden" });
  await box.open_("alice", "l1");
  await idle();
  assert.equal((await again.outcome).state, "failed");
  assert.equal(await again.outcome, await first.outcome);
  state.refuse = () => undefined;
  const third = keyed("3");
  await idle();
  assert.deepEqual(await third.outcome, { state: "sent", seq: 1 });
  assert.deepEqual(await keyed("4").outcome, { state: "sent", seq: 1 });
  assert.deepEqual(log, [{ room: "a", key: "k1", body: "3" }]);
  assert.equal((await elsewhere.outcome).state, "failed");
  assert.deepEqual(box.in_("a").map(({ state: s }) => s), ["sent"]);
});

test("of a second send after a restart the outcome is that of the first", async () => {
  const { log, request } = service();
  const storage = memoryStorage();
  const before = outbox(async () => { throw lost(); }, storage);
  await before.open_("alice", "l1");
  before.add_("a", { type: "send", room: "a", body: "1" }, "k1");
  await idle();
  const after = outbox(request, storage);
  await after.open_("alice", "l1");
  const again = after.add_("a", { type: "send", room: "a", body: "1" }, "k1");
  await idle();
  assert.deepEqual(await again.outcome, { state: "sent", seq: 1 });
  assert.equal(log.length, 1);
});

test("the outbox is bounded", () => {
  const box = outbox(async () => { throw lost(); });
  for (let n = 0; n < 1_000; n++) say(box, "x");
  assert.throws(() => say(box, "x"), { code: "full" });
});
