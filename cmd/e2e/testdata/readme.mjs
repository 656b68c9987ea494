// Holds the README's JavaScript client, whose file is the argument, to what it does in an outage: no socket, no clock, no service.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

const sockets = [];
const waits = []; // what setTimeout was asked for
globalThis.WebSocket = class {
  sent = [];
  constructor() { sockets.push(this); }
  send(text) { this.sent.push(JSON.parse(text)); }
  close() {}
  says(frame) { this.onmessage({ data: JSON.stringify(frame) }); }
};
globalThis.setTimeout = (run, ms) => waits.push({ run, ms });
globalThis.setInterval = () => 0;
Math.random = () => 0.999;
globalThis.window = globalThis.localStorage = undefined; // neither is everywhere

const shown = [];
const follow = new Function(`${readFileSync(process.argv[2], "utf8")}; return follow;`)();
sockets.length = 0;

const start = () => follow({ url: "ws://x/ws", room: "tea", token: () => "t", show: (it) => shown.push(it) });
const welcome = (log) => ({ type: "welcome", session: "s", log, heartbeat_ms: 25_000, limits: {} });
const joined = (from) => ({ type: "ok", id: "join", room: "tea", head: from - 1, from, truncated: false });
const entry = (seq, type = "message") => ({ type, room: "tea", seq, author: { id: "a", name: "A" }, body: `m${seq}` });
const socket = () => sockets.at(-1);
const reconnects = () => { waits.pop().run(); return socket(); };
async function opens(log, from) {
  await socket().onopen();
  socket().says(welcome(log));
  if (from) socket().says(joined(from));
}
const asked = (type) => socket().sent.filter((frame) => frame.type === type);

// It waits longer from try to try, at most half a minute, whether an error comes alone, a close does, or both.
const say = start();
for (let n = 0; n < 20; n++) {
  if (n % 3 !== 1) socket().onerror({});
  if (n % 3 !== 0) socket().onclose({ code: 1006 });
  assert.equal(waits.length, 1, `try ${n} waits once`);
  assert.ok(Math.abs(waits[0].ms - 0.999 * Math.min(30_000, 500 * 2 ** n)) < 1, `try ${n} waits ${waits[0].ms}`);
  reconnects();
}

// The token comes first; with the room joined the waits begin anew; what was said meanwhile is sent.
say("kept");
await opens("L", 1);
assert.deepEqual(socket().sent.map((frame) => frame.type), ["auth", "join", "send"]);
const key = asked("send")[0].key;
socket().says(entry(1));
socket().says(entry(2, "of a later release"));
socket().says({ type: "of a later release", room: "tea" });
socket().says({ ...entry(9), room: "another" });
socket().onclose({ code: 1006 });
assert.ok(waits[0].ms < 500);

// What had no answer is sent again under its key, behind the cursor that an unknown type moved; entries are shown once.
reconnects();
await opens("L", 3);
assert.equal(asked("join")[0].after, 2);
assert.equal(asked("send")[0].key, key);
socket().says(entry(2));
assert.equal(shown.length, 2);
socket().says({ type: "error", id: key, code: "unavailable", message: "", retry_after_ms: 77 });
assert.equal(waits[0].ms, 77);
waits.pop().run();
assert.equal(asked("send").length, 2);
socket().says({ type: "ok", id: key, room: "tea", seq: 3 });

// The time that drain asks for is used once.
socket().says({ type: "drain", reconnect_in_ms: 1500 });
socket().onclose({ code: 1012 });
assert.equal(waits[0].ms, 1500);
reconnects();
socket().onclose({ code: 1006 });
assert.ok(waits[0].ms < 500);
reconnects();

// Another history, told by the log or by a cursor that is ahead, is begun anew.
await opens("M");
assert.equal(asked("join")[0].after, undefined);
assert.equal(shown.at(-1).type, "anew");
socket().says(joined(1));
assert.equal(asked("send").length, 0, "what was answered is sent no more");
socket().says(entry(1));
assert.equal(shown.at(-1).seq, 1);
socket().says({ type: "error", id: "join", code: "invalid", reason: "ahead", head: 0, message: "" });
assert.deepEqual(asked("join").map((frame) => frame.after), [undefined, undefined]);
socket().says(joined(1));

// A gap is told.
socket().onclose({ code: 1006 });
reconnects();
await opens("M");
socket().says({ ...joined(100), truncated: true });
assert.deepEqual(shown.at(-1), { type: "gap", after: 0, before: 100 });

// What can never be said is told, and the rest goes on.
say("no");
socket().says({ type: "error", id: asked("send").at(-1).id, code: "forbidden", message: "you may not" });
assert.equal(shown.at(-1).code, "forbidden");

// What refuses it for good ends it: no try follows, and who uses it is told.
for (const refuse of [
  () => socket().onclose({ code: 4401 }),
  () => socket().onclose({ code: 4403 }),
  () => socket().says({ type: "error", code: "unauthenticated", message: "the token has expired" }),
  () => socket().says({ type: "left", room: "tea", code: "forbidden", message: "you are banned from tea" }),
  () => socket().says({ type: "error", id: "join", code: "not_found", message: "there is no such room" }),
]) {
  waits.length = 0;
  start();
  await opens("M");
  refuse();
  socket().onclose({ code: 4401 });
  assert.equal(waits.length, 0, `${refuse} is final`);
  assert.equal(shown.at(-1).type, "over");
}

// An outage while joining is none of that.
start();
await opens("M");
socket().says({ type: "error", id: "join", code: "unavailable", message: "" });
socket().onclose({ code: 1005 });
assert.equal(waits.length, 1);
