import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { backoff, Connection, Reason, State } from "../static/connection.js";

// A socket that the test speaks for.
class Socket {
  sent = [];
  closed = false;
  constructor(url, protocols) { Object.assign(this, { url, protocols }); }
  send(text) { this.sent.push(JSON.parse(text)); }
  close() { this.closed = true; }
  says(frame) { this.onmessage({ data: JSON.stringify(frame) }); }
  ends(code) { this.onclose({ code }); }
}

beforeEach(() => mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_000_000 }));
afterEach(() => mock.timers.reset());

function setup({ tokenRefused = async () => false } = {}) {
  const sockets = [];
  const frames = [];
  const welcomes = [];
  const connection = new Connection({
    url: "ws://x/ws",
    dial: (url, protocols) => sockets[sockets.push(new Socket(url, protocols)) - 1],
    onState: () => {},
    onWelcome: (frame) => welcomes.push(frame),
    onFrame: (frame) => frames.push(frame),
    tokenRefused,
  });
  connection.start("tok");
  return { connection, sockets, frames, welcomes, socket: () => sockets.at(-1) };
}

const welcome = { type: "welcome", session: "s", user: { id: "alice", name: "Alice" }, heartbeat_ms: 25_000, limits: {} };

test("offers the protocol and the token, and is open with the welcome", () => {
  const { connection, socket, welcomes } = setup();
  assert.deepEqual(socket().protocols, ["parley.v1.json", "bearer.tok"]);
  assert.equal(connection.state, State.connecting);
  socket().says(welcome);
  assert.equal(connection.state, State.open);
  assert.equal(welcomes.length, 1);
});

test("matches answers to commands, in any order, and takes an ok before the frames behind it", async () => {
  const { connection, socket, frames } = setup();
  socket().says(welcome);
  const seen = [];
  const first = connection.request({ type: "join", room: "a" }, (ok) => seen.push(["ok", ok.room, frames.length]));
  const second = connection.request({ type: "send", room: "b" });
  const [join, send] = socket().sent;
  socket().says({ type: "error", id: send.id, code: "forbidden", message: "no", retry_after_ms: 5 });
  socket().says({ type: "ok", id: join.id, room: "a" });
  socket().says({ type: "message", room: "a", seq: 1 });
  assert.deepEqual(seen, [["ok", "a", 0]]);
  assert.equal((await first).room, "a");
  await assert.rejects(second, { code: "forbidden", retryAfter: 5 });
});

test("a lost socket leaves commands unanswered and comes back by itself", async () => {
  const { connection, sockets, socket } = setup();
  socket().says(welcome);
  const asked = connection.request({ type: "ping" });
  socket().ends(1006);
  await assert.rejects(asked, { code: "unanswered" });
  assert.equal(connection.state, State.waiting);
  mock.timers.tick(30_000);
  assert.equal(sockets.length, 2);
  sockets[1].says(welcome);
  assert.equal(connection.state, State.open);
});

test("a socket that was given up is not listened to", () => {
  const { connection, sockets, frames } = setup();
  sockets[0].says(welcome);
  sockets[0].ends(1006);
  mock.timers.tick(30_000);
  sockets[0].says({ type: "message", room: "a", seq: 1 });
  sockets[0].ends(4403);
  assert.deepEqual(frames, []);
  assert.equal(connection.state, State.connecting);
});

for (const [code, reason] of [[4400, Reason.protocol], [4401, Reason.token], [4403, Reason.banned]]) {
  test(`close code ${code} is final`, () => {
    const { connection, sockets, socket } = setup();
    socket().says(welcome);
    socket().ends(code);
    assert.equal(connection.state, State.stopped);
    assert.equal(connection.reason, reason);
    mock.timers.tick(120_000);
    assert.equal(sockets.length, 1);
  });
}

test("waits after a drain as long as it was told, and goes by itself where nobody closes", () => {
  const { connection, sockets, socket } = setup();
  socket().says(welcome);
  socket().says({ type: "drain", reconnect_in_ms: 4_000 });
  socket().ends(1012);
  assert.equal(connection.retryAt, Date.now() + 4_000);
  connection.wake(); // would be too soon
  mock.timers.tick(3_999);
  assert.equal(sockets.length, 1);
  mock.timers.tick(1);
  assert.equal(sockets.length, 2);

  sockets[1].says(welcome);
  sockets[1].says({ type: "drain", reconnect_in_ms: 1_000 });
  mock.timers.tick(1_000);
  assert.ok(sockets[1].closed);
  mock.timers.tick(0);
  assert.equal(sockets.length, 3);
});

test("probes a silent socket and gives it up when nothing comes", () => {
  const { connection, socket } = setup();
  socket().says(welcome);
  mock.timers.tick(25_000);
  assert.equal(socket().sent.at(-1).type, "ping");
  socket().says({ type: "ok", id: "alive", now: "" });
  mock.timers.tick(25_000);
  assert.equal(socket().sent.length, 2);
  mock.timers.tick(8_000);
  assert.equal(connection.state, State.waiting);
});

test("asks after a failed handshake whether the token is to blame", async () => {
  const { connection, socket } = setup({ tokenRefused: async () => true });
  socket().ends(1006);
  await Promise.resolve();
  await Promise.resolve();
  assert.equal(connection.state, State.stopped);
  assert.equal(connection.reason, Reason.token);
});

test("a token that no header can carry is refused at once", () => {
  const connection = new Connection({ url: "", dial: () => { throw new SyntaxError(); }, onState: () => {} });
  connection.start("not a token");
  assert.equal(connection.reason, Reason.token);
});

test("waits twice as long each time, with full jitter, up to half a minute", () => {
  assert.equal(backoff(0, () => 1), 500);
  assert.equal(backoff(3, () => 0.5), 2_000);
  assert.equal(backoff(20, () => 1), 30_000);
  assert.equal(backoff(20, () => 0), 0);
});
