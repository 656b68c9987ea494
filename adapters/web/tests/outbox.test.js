import assert from "node:assert/strict";
import { test } from "node:test";
import { Outbox, Stage } from "../static/outbox.js";

const settle = () => new Promise((resolve) => setImmediate(resolve));

// An outbox over a service that the test answers for: each request waits in `asked`.
function setup(saved = []) {
  const asked = [];
  const store = { saved, load: () => store.saved, save: (items) => { store.saved = items; } };
  const outbox = new Outbox({
    request: (frame) => new Promise((resolve, reject) => asked.push({ frame, resolve, reject })),
    applied: (_, seq) => seq <= 5,
    changed: () => {},
    store,
  });
  return { outbox, asked, store };
}

test("sends one after the other, and keeps each until its entry comes", async () => {
  const { outbox, asked } = setup();
  outbox.add("r", "one");
  outbox.add("r", "two", 3);
  assert.equal(asked.length, 1);
  asked[0].resolve({ seq: 10 });
  await settle();
  assert.equal(asked[1].frame.body, "two");
  assert.equal(asked[1].frame.reply_to, 3);
  assert.deepEqual(outbox.in("r").map((item) => item.stage), [Stage.stored, Stage.pending]);
  outbox.seen({ room: "r", seq: 10 }, true);
  outbox.seen({ room: "r", seq: 11, key: asked[1].frame.key }, true); // the entry may overtake its ok on another socket
  assert.deepEqual(outbox.in("r"), []);
});

test("sends again with the same key until there is an answer", async () => {
  const { outbox, asked } = setup();
  outbox.add("r", "one");
  asked[0].reject({ code: "unanswered" });
  await settle();
  assert.equal(asked.length, 1);
  outbox.flush("r");
  assert.deepEqual(asked[1].frame, asked[0].frame);
  asked[1].resolve({ seq: 4, duplicate: true }); // and its entry was applied already
  await settle();
  assert.deepEqual(outbox.in("r"), []);
});

test("a refusal fails the message, and it can be tried again or discarded", async () => {
  const { outbox, asked } = setup();
  outbox.add("r", "one");
  outbox.add("r", "two");
  asked[0].reject({ code: "forbidden" });
  await settle();
  const [failed] = outbox.in("r");
  assert.equal(failed.stage, Stage.failed);
  assert.equal(asked[1].frame.body, "two");
  asked[1].resolve({ seq: 20 });
  await settle();
  outbox.retry(failed.key);
  assert.equal(asked[2].frame.key, failed.key);
  asked[2].reject({ code: "forbidden" });
  await settle();
  outbox.discard(failed.key);
  assert.deepEqual(outbox.in("r").map((item) => item.body), ["two"]);
});

test("waits where the service asks for it, and tries again by itself", async () => {
  const { outbox, asked } = setup();
  outbox.add("r", "one");
  asked[0].reject({ code: "rate_limited", retryAfter: 1 });
  await settle();
  while (asked.length < 2) await settle();
  assert.deepEqual(asked[1].frame, asked[0].frame);
});

test("what was not stored is there after a reload, with its key", () => {
  const first = setup();
  first.outbox.add("r", "one");
  const { outbox, asked } = setup(first.store.saved);
  assert.deepEqual(outbox.rooms, ["r"]);
  outbox.flush("r");
  assert.equal(asked[0].frame.key, first.asked[0].frame.key);
});
