import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { Connection } from "../src/connection.ts";
import { ParleyError } from "../src/errors.ts";
import { backoff } from "../src/timing.ts";
import { Tokens, type GetToken } from "../src/tokens.ts";
import { FakeSocket, passes, settle, token, welcome } from "./socket.ts";

const NOW = 1_000_000_000;

beforeEach(() => mock.timers.enable({ apis: ["setTimeout", "Date"], now: NOW }));
afterEach(() => mock.timers.reset());

async function setup(getToken: GetToken = () => "tok", refusal: (token: string) => Promise<ParleyError | undefined> = async () => undefined) {
  const sockets: FakeSocket[] = [];
  const frames: any[] = [];
  const statuses: string[] = [];
  const connection: Connection = new Connection("ws://x/ws", new Tokens(getToken), (url, protocols) => {
    sockets.push(new FakeSocket(url, protocols));
    return sockets.at(-1)!;
  }, {
    onToken_: () => {},
    onStatus_: () => statuses.push(connection.status_.state),
    onWelcome_: () => {},
    onFrame_: (frame) => frames.push(frame),
    refusal_: refusal,
  });
  connection.start_();
  await settle();
  return { connection, sockets, frames, statuses, socket: () => sockets.at(-1)! };
}

test("offers the protocol and the token, and is open with the welcome", async () => {
  const { connection, socket } = await setup();
  assert.deepEqual(socket().protocols, ["parley.v1.json", "bearer.tok"]);
  assert.equal(connection.status_.state, "connecting");
  socket().says(welcome);
  assert.equal(connection.status_.state, "open");
});

test("a token that no header can carry goes in a frame", async () => {
  const { socket } = await setup(() => "no header can");
  assert.deepEqual(socket().protocols, ["parley.v1.json"]);
  socket().opens();
  assert.deepEqual(socket().sent, [{ type: "auth", token: "no header can" }]);
});

test("matches answers to commands in any order, and takes an ok before the frames behind it", async () => {
  const { connection, socket, frames } = await setup();
  socket().says(welcome);
  const seen: unknown[] = [];
  const first = connection.request_({ type: "join", room: "a" }, (ok) => seen.push(["ok", ok["room"], frames.length]));
  const second = connection.request_({ type: "send", room: "b" });
  const [join, send] = socket().sent;
  socket().says({ type: "error", id: send.id, code: "rate_limited", message: "no", retry_after_ms: 5 });
  socket().says({ type: "ok", id: join.id, room: "a" });
  socket().says({ type: "message", room: "a", seq: 1 });
  assert.deepEqual(seen, [["ok", "a", 0]]);
  assert.equal((await first)["room"], "a");
  await assert.rejects(second, { code: "rate_limited", retryAfter: 5, retryable: true });
});

test("commands without a connection, and those that it leaves unanswered, are rejected as such", async () => {
  const { connection, socket } = await setup();
  await assert.rejects(connection.request_({ type: "ping" }), { code: "unanswered", retryable: true });
  socket().says(welcome);
  const asked = connection.request_({ type: "ping" });
  socket().ends(1006);
  await assert.rejects(asked, { code: "unanswered" });
  connection.stop_();
  await assert.rejects(connection.request_({ type: "ping" }), { code: "stopped", retryable: false });
});

test("a command that is too long for a frame fails, and the connection lives", async () => {
  const { connection, socket } = await setup();
  socket().says(welcome);
  await assert.rejects(connection.request_({ type: "send", body: "ü".repeat(40_000) }), { code: "invalid" });
  assert.deepEqual(socket().sent, []);
  assert.equal(connection.status_.state, "open");
});

test("backoff is full jitter, doubling from half a second to half a minute", () => {
  const most = (attempt: number) => backoff(attempt, () => 1);
  assert.deepEqual([0, 1, 2, 5, 6, 20].map(most), [500, 1_000, 2_000, 16_000, 30_000, 30_000]);
  assert.equal(backoff(3, () => 0), 0);
});

test("comes back by itself, the attempts farther and farther apart", async () => {
  mock.method(Math, "random", () => 1);
  const { sockets, socket } = await setup();
  for (const wait of [500, 1_000, 2_000]) {
    const before = sockets.length;
    socket().ends(1006);
    await passes(wait - 1);
    assert.equal(sockets.length, before);
    await passes(1);
    assert.equal(sockets.length, before + 1);
  }
  mock.restoreAll();
});

test("after a handshake that failed the token goes in a frame, which is answered in words", async () => {
  const asked: string[] = [];
  const { sockets, socket, connection } = await setup((reason) => `t${asked.push(reason)}`);
  socket().ends(1006); // a browser does not tell that it was a 401
  await passes(500);
  assert.deepEqual(socket().protocols, ["parley.v1.json"]);
  socket().opens();
  socket().says({ type: "error", code: "unauthenticated", message: "expired" });
  socket().ends(4401);
  assert.deepEqual([connection.status_.state, (connection.status_ as { error?: ParleyError }).error?.message], ["waiting", "expired"]);
  await passes(30_000);
  assert.deepEqual(asked, ["first", "refused"]);
  assert.equal(sockets.length, 3);
  socket().opens();
  assert.equal(socket().last("auth").token, "t2");
  socket().says(welcome);
  assert.equal(connection.status_.state, "open");
});

test("why a handshake was refused is asked, once for each attempt, and told until it is open", async () => {
  const asked: string[] = [];
  const answers: ((error?: ParleyError) => void)[] = [];
  const { connection, socket } = await setup(() => "tok", (token) => {
    asked.push(token);
    return new Promise((resolve) => answers.push(resolve));
  });
  const error = () => (connection.status_ as { error?: ParleyError }).error?.message;
  socket().ends(1006);
  await passes(500);
  socket().ends(1006);
  assert.deepEqual(asked, ["tok"]); // the first answer is yet to come
  answers[0]!(new ParleyError({ code: "unauthenticated", message: "the audience is another" }));
  await settle();
  assert.deepEqual([connection.status_.state, error()], ["waiting", "the audience is another"]);
  await passes(30_000);
  assert.deepEqual([connection.status_.state, error()], ["connecting", "the audience is another"]);
  socket().ends(4401);
  await settle();
  assert.equal(asked.length, 2);
  await passes(30_000);
  socket().says(welcome);
  answers[1]!(new ParleyError({ code: "unauthenticated", message: "late" }));
  await settle();
  assert.deepEqual(connection.status_, { state: "open" });
  socket().ends(1006);
  await passes(10);
  assert.equal(asked.length, 2); // it was no refusal
});

test("what getToken throws is tried again with backoff; with nothing it stops", async () => {
  let answer: () => string | null = () => { throw new Error("the sign-in service is down"); };
  const { connection, sockets } = await setup(() => answer());
  assert.equal(connection.status_.state, "waiting");
  answer = () => null;
  await passes(30_000);
  assert.deepEqual(connection.status_, { state: "stopped", reason: "token" });
  assert.equal(sockets.length, 0);
});

test("stops for good when the tokens are refused time and again", async () => {
  const { connection, socket, sockets } = await setup();
  for (let n = 0; n < 10 && connection.status_.state !== "stopped"; n++) {
    socket().ends(4401);
    await passes(30_000);
  }
  assert.deepEqual(connection.status_, { state: "stopped", reason: "token" });
  assert.equal(sockets.length, 5);
});

for (const [code, reason] of [[4400, "protocol"], [4403, "banned"]] as const) {
  test(`stops for good at ${code}`, async () => {
    const { connection, socket, sockets } = await setup();
    socket().says(welcome);
    socket().ends(code);
    await passes(3_600_000);
    assert.deepEqual(connection.status_, { state: "stopped", reason });
    assert.equal(sockets.length, 1);
    connection.start_();
    await settle();
    assert.equal(sockets.length, 2);
  });
}

test("at 4429 it waits long, and stops when it is sent away each time", async () => {
  mock.method(Math, "random", () => 1);
  const { connection, socket, sockets } = await setup();
  socket().says(welcome);
  socket().ends(4429);
  await passes(15_999);
  connection.wake_();
  await settle();
  assert.equal(sockets.length, 1);
  for (let n = 0; n < 4; n++) {
    await passes(30_000);
    socket().says(welcome);
    socket().ends(4429);
  }
  assert.deepEqual(connection.status_, { state: "stopped", reason: "limited" });
  mock.restoreAll();
});

test("a drain's time is used once, and not cut short", async () => {
  mock.method(Math, "random", () => 1);
  const { connection, socket, sockets } = await setup();
  socket().says(welcome);
  socket().says({ type: "drain", reconnect_in_ms: 5_000 });
  assert.equal(connection.status_.state, "open"); // what is in flight is finished
  await passes(100);
  socket().ends(1012);
  connection.wake_();
  await passes(4_899);
  assert.equal(sockets.length, 1);
  await passes(1);
  assert.equal(sockets.length, 2);
  socket().ends(1006);
  await passes(500);
  assert.equal(sockets.length, 3);
  mock.restoreAll();
});

test("a drain after which the node stays silent ends by itself", async () => {
  const { socket, sockets } = await setup();
  socket().says(welcome);
  socket().says({ type: "drain", reconnect_in_ms: 1_500 });
  await passes(1_500);
  await passes(1);
  assert.equal(sockets[0]!.closed, true);
  assert.equal(sockets.length, 2);
});

test("silence is probed, and one that answers nothing is given up", async () => {
  const { connection, socket } = await setup();
  socket().says(welcome);
  await passes(25_000);
  assert.deepEqual(socket().sent, [{ type: "ping", id: "alive" }]);
  socket().says({ type: "ok", id: "alive", now: "…" });
  await passes(25_000);
  await passes(7_999);
  assert.equal(connection.status_.state, "open");
  await passes(1);
  assert.equal(connection.status_.state, "waiting");
  assert.equal(socket().closed, true);
});

test("a command that is not answered for half a minute gives the connection up", async () => {
  const { connection, socket } = await setup();
  socket().says(welcome);
  const asked = assert.rejects(connection.request_({ type: "join", room: "a" }), { code: "unanswered" });
  for (let n = 0; n < 3; n++) {
    await passes(10_000);
    if (n < 2) socket().says({ type: "typing", room: "b" });
  }
  await asked;
  assert.equal(connection.status_.state, "waiting");
});

test("waking tries at once, and probes what seems to be open", async () => {
  mock.method(Math, "random", () => 1);
  const { connection, socket, sockets } = await setup();
  socket().ends(1006);
  connection.wake_();
  await settle();
  assert.equal(sockets.length, 2);
  socket().says(welcome);
  connection.wake_();
  assert.equal(socket().last("ping").id, "alive");
  mock.restoreAll();
});

test("a socket that was given up is not listened to", async () => {
  const { connection, sockets, frames } = await setup();
  sockets[0]!.onerror!({}); // Node's fires no close then
  await passes(500);
  sockets[1]!.says(welcome);
  sockets[0]!.says({ type: "message", room: "a", seq: 1 });
  sockets[0]!.ends(4403);
  assert.deepEqual(frames, []);
  assert.equal(connection.status_.state, "open");
});

test("what is not JSON is not the service", async () => {
  const { connection, socket } = await setup();
  socket().onmessage!({ data: "<html>" });
  assert.equal(connection.status_.state, "waiting");
});

for (const skew of [-7_200_000, 0, 7_200_000]) {
  test(`a token is renewed on the live socket before it ends, this clock ${skew / 3_600_000} h off`, async () => {
    const server = () => Date.now() + skew;
    const asked: string[] = [];
    const { connection, socket, sockets } = await setup((reason) => token(server() + 600_000, asked.push(reason)));
    socket().says({ ...welcome, expires_at: new Date(server() + 600_000).toISOString() });
    socket().answers("ping", { now: new Date(server()).toISOString() });
    await passes(539_999);
    assert.deepEqual(asked, ["first"]);
    await passes(1);
    assert.deepEqual(asked, ["first", "expiring"]);
    socket().answers("auth", { user: welcome.user });
    await settle();
    socket().answers("ping", { now: new Date(server()).toISOString() });
    for (let n = 0; n < 54; n++) {
      await passes(10_000);
      if (socket().last("ping").id === "alive") socket().answers("ping", {});
    }
    assert.deepEqual(asked, ["first", "expiring", "expiring"]);
    assert.equal(sockets.length, 1);
    assert.equal(connection.status_.state, "open");
  });
}

test("a token that is over is not tried: another is asked for before connecting", async () => {
  const asked: string[] = [];
  const { socket } = await setup((reason) => `t${asked.push(reason)}`);
  socket().says({ ...welcome, expires_at: new Date(NOW + 60_000).toISOString() });
  socket().answers("ping", { now: new Date(NOW).toISOString() });
  socket().ends(1006);
  mock.timers.setTime(NOW + 3_600_000);
  await passes(30_000);
  assert.deepEqual(asked, ["first", "expiring"]);
  assert.deepEqual(socket().protocols, ["parley.v1.json", "bearer.t2"]);
});

test("a renewal that fails is tried again while the old token holds", async () => {
  const asked: string[] = [];
  const { socket, sockets } = await setup((reason) => {
    if (asked.push(reason) === 2) throw new Error("busy");
    return `t${asked.length}`;
  });
  socket().says({ ...welcome, expires_at: new Date(NOW + 600_000).toISOString() });
  socket().answers("ping", { now: new Date(NOW).toISOString() });
  await passes(540_000);
  await passes(1_000);
  assert.deepEqual(asked, ["first", "expiring", "expiring"]);
  assert.equal(socket().last("auth").token, "t3");
  assert.equal(sockets.length, 1);
});
