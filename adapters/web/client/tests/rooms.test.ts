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
const at = (minute: number) => new Date(1_000_000 + minute * 60_000).toISOString();
const said = (room: string, seq: number, minute: number, author = bob) =>
  ({ type: "message", room, seq, at: at(minute), author, body: `${room} ${seq}` });
const listed = (room: string, head: number, unread: number, minute: number) => ({
  room, name: "", public: true, archived: false, head, role: "write", read: head - unread, unread, active_at: at(minute), last: said(room, head, minute),
});

async function setup(rooms: Record<string, any>, features = welcome.features) {
  const sockets: FakeSocket[] = [];
  const asked: string[] = [];
  const state = { away: [] as string[] };
  class Socket extends FakeSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols);
      sockets.push(this);
    }
    override send(text: string): void {
      super.send(text);
      const { type, id, room, after } = JSON.parse(text);
      if (type === "join") this.says({ type: "ok", id, head: after ?? 0, from: (after ?? 0) + 1, truncated: false, role: "write", read: rooms[room].read });
    }
  }
  const client = createClient({
    url: "https://x/chat", getToken: () => "tok", WebSocket: Socket,
    fetch: async (url) => {
      const { pathname, searchParams } = new URL(url as string);
      asked.push(pathname + (searchParams.size ? `?${searchParams}` : ""));
      const room = pathname.split("/")[4];
      if (room) return Response.json(rooms[room]);
      const all = Object.values(rooms).filter((one) => !state.away.includes(one.room));
      return Response.json(searchParams.get("cursor") ? { rooms: all.slice(2) } : { rooms: all.slice(0, 2), ...(all.length > 2 && { next: "c" }), ...(state.away.length && { lacking: true }) });
    },
  });
  clients.push(client);
  client.rooms;
  await settle();
  sockets[0]!.says({ ...welcome, features });
  await comes(client.rooms.until(({ ready }) => ready));
  const socket = () => sockets.at(-1)!;
  const list = () => client.rooms.getSnapshot().rooms.map(({ id, unread, last }) => [id, unread, last?.body]);
  return { client, socket, sockets, asked, list, state };
}

test("lists rooms with last message and unread, the latest first, and goes on live", async () => {
  const { client, socket, list, sockets, asked } = await setup({ den: listed("den", 4, 2, 9), tea: listed("tea", 7, 0, 5) });
  assert.equal(sockets[0]!.url, "wss://x/chat/ws");
  assert.deepEqual(asked, ["/chat/v1/rooms?sort=active&limit=50"]);
  assert.deepEqual(list(), [["den", 2, "den 4"], ["tea", 0, "tea 7"]]);
  assert.deepEqual(socket().sent.filter(({ type }) => type === "join").map(({ room, after }) => [room, after]), [["den", 4], ["tea", 7]]);
  const before = client.rooms.getSnapshot();
  socket().says(said("tea", 8, 20));
  assert.deepEqual(list(), [["tea", 1, "tea 8"], ["den", 2, "den 4"]]);
  assert.equal(before.rooms[0]!.id, "den");
  client.room("den").markRead();
  assert.deepEqual(list(), [["tea", 1, "tea 8"], ["den", 0, "den 4"]]);
  socket().says({ type: "edited", room: "tea", seq: 9, at: at(21), author: bob, target: 8, body: "edited" });
  assert.deepEqual(list()[0], ["tea", 1, "edited"]);
});

test("more rooms come a page at a time", async () => {
  const { client, list, asked } = await setup({ a: listed("a", 1, 0, 3), b: listed("b", 1, 0, 2), c: listed("c", 1, 0, 1) });
  assert.equal(client.rooms.getSnapshot().hasMore, true);
  await client.rooms.more();
  assert.equal(client.rooms.getSnapshot().hasMore, false);
  assert.deepEqual(list().map(([id]) => id), ["a", "b", "c"]);
  await client.rooms.more();
  assert.equal(asked.length, 2);
});

test("rooms of a part that is away stay as they were, and are asked for again until they are back", async () => {
  const rooms: Record<string, any> = { a: listed("a", 1, 0, 9), b: listed("b", 1, 0, 8) };
  const { client, socket, list, state } = await setup(rooms);
  state.away = ["b"];
  socket().ends(1006);
  await passes(500);
  socket().says(welcome);
  await comes(client.rooms.until(({ lacking }) => lacking));
  assert.deepEqual(list(), [["a", 0, "a 1"], ["b", 0, "b 1"]]);
  // Something happened in it meanwhile, longer ago than in the others.
  rooms["b"] = { ...rooms["b"], head: 3, unread: 1, last: said("b", 3, 8), active_at: at(8) };
  rooms["c"] = listed("c", 1, 1, 1);
  state.away = [];
  await passes(30_000);
  await comes(client.rooms.until(({ lacking }) => !lacking));
  assert.deepEqual(list().map(([id]) => id), ["a", "b", "c"]);
});

test("a node without the feature is asked in its own way", async () => {
  const { asked } = await setup({ a: listed("a", 1, 0, 3) }, []);
  assert.deepEqual(asked, ["/chat/v1/rooms?limit=50"]);
});

test("a room that I am added to comes, and one that I am sent from goes", async () => {
  const rooms: Record<string, any> = { a: listed("a", 1, 0, 3) };
  const { client, socket, list } = await setup(rooms);
  rooms["new"] = listed("new", 2, 2, 30);
  socket().says({ type: "added", room: "new", by: bob, role: "write" });
  await comes(client.rooms.until(({ rooms: all }) => all.length === 2));
  assert.deepEqual(list(), [["new", 2, "new 2"], ["a", 0, "a 1"]]);
  socket().says({ type: "left", room: "new", code: "forbidden", message: "banned" });
  assert.deepEqual(list().map(([id]) => id), ["a"]);
});

test("a room where I say something is one of mine from then on", async () => {
  const rooms: Record<string, any> = { a: listed("a", 1, 0, 3) };
  const { client, socket, list } = await setup(rooms);
  rooms["den"] = listed("den", 0, 0, 1);
  await comes(client.room("den").ready());
  assert.deepEqual(list().map(([id]) => id), ["a"]);
  socket().says(said("den", 1, 30));
  assert.deepEqual(list().map(([id]) => id), ["a"]);
  socket().says(said("den", 2, 31, welcome.user));
  assert.deepEqual(list(), [["den", 1, "den 2"], ["a", 0, "a 1"]]);
});

test("another user's token stops the client: what is here is not theirs", async () => {
  const { client, socket, sockets } = await setup({ a: listed("a", 1, 0, 3) });
  socket().ends(1006);
  await passes(500);
  socket().says({ ...welcome, user: bob });
  assert.deepEqual(client.getSnapshot().status, { state: "stopped", reason: "user" });
  await passes(60_000);
  assert.equal(sockets.length, 2);
});

test("an HTTP answer that is refused tells code and reason; a bad token is asked for anew, once", async () => {
  const tokens: string[] = [];
  const answers = [
    Response.json({ error: { code: "unauthenticated", message: "expired" } }, { status: 401 }),
    Response.json({ error: { code: "rate_limited", message: "slow", retry_after_ms: 70 } }, { status: 429 }),
    new Response("<html>", { status: 502, headers: { "Retry-After": "2" } }),
  ];
  const client = createClient({
    url: "http://x", WebSocket: FakeSocket, getToken: (reason) => `${reason}${tokens.length}`,
    fetch: async (_, ask) => {
      tokens.push((ask!.headers as any).Authorization);
      return answers.shift()!;
    },
  });
  clients.push(client);
  await assert.rejects(client.ask("GET", "v1/rooms"), { code: "rate_limited", retryAfter: 70, status: 429, retryable: true });
  assert.deepEqual(tokens, ["Bearer first0", "Bearer refused1"]);
  await assert.rejects(client.ask("GET", "v1/rooms"), { code: "unavailable", retryAfter: 2_000, retryable: true });
});

test("search is asked for where there is one, and marks are indices of strings", async () => {
  const { client } = await setup({ a: listed("a", 1, 0, 3) });
  await assert.rejects(client.search("tea"), { code: "unsupported" });
  const asked: string[] = [];
  const searching = createClient({
    url: "http://x", getToken: () => "tok", WebSocket: FakeSocketOf((socket) => socket.says({ ...welcome, features: ["search"] })),
    fetch: async (url) => {
      asked.push((url as URL).href);
      const entry = { ...said("a", 1, 1), body: "\u{1f375} tea" };
      return Response.json({ hits: [{ room: "a", seq: 1, entry, marks: [[2, 5]] }], next: "n", behind: 3 });
    },
  });
  clients.push(searching);
  await comes(searching.until(({ status }) => status.state === "open"));
  const { hits, next, truncated, behind } = await searching.search("tea", { room: "a", has: "link", limit: 5 });
  assert.deepEqual(asked, ["http://x/v1/search?q=tea&room=a&has=link&limit=5"]);
  const { message, marks } = hits[0]!;
  assert.equal(message.body.slice(marks[0]!.from, marks[0]!.to), "tea");
  assert.deepEqual([next, truncated, behind], ["n", false, 3]);
});

test("names that are not known are asked for, many at once, and change", async () => {
  const { client, socket } = await setup({ a: listed("a", 1, 0, 3) }, [...welcome.features, "people"]);
  const before = client.getSnapshot();
  assert.deepEqual(["carol", "dave", "carol", "alice"].map((id) => client.name(id)), ["carol", "dave", "carol", "Alice"]);
  await settle();
  assert.deepEqual(socket().last("users").ids, ["carol", "dave"]);
  socket().answers("users", { users: [{ id: "carol", name: "Carol", v: 1 }] });
  await settle();
  assert.notEqual(client.getSnapshot(), before);
  assert.deepEqual(["carol", "dave"].map((id) => client.name(id)), ["Carol", "dave"]);
  await settle();
  assert.equal(socket().sent.filter(({ type }) => type === "users").length, 1); // nobody knows dave
  socket().says({ type: "user", user: { id: "carol", name: "Carol C.", v: 2 } });
  assert.equal(client.name("carol"), "Carol C.");
});

test("people have pictures; the highest version holds, and a new connection is asked again", async () => {
  const { client, socket } = await setup({ a: listed("a", 1, 0, 3) }, [...welcome.features, "people"]);
  assert.equal(client.person("alice").name, "Alice");
  assert.equal(client.person("carol"), client.person("carol"));
  await settle();
  assert.deepEqual(socket().last("users").ids, ["alice", "carol"]);
  socket().answers("users", { users: [{ id: "alice", name: "Alice", avatar: "/a.png", v: 3 }], rest: ["carol"] });
  await settle();
  assert.deepEqual(socket().last("users").ids, ["carol"]); // who did not fit
  socket().answers("users", { users: [{ id: "carol", v: 1 }] });
  await settle();
  const alice = client.person("alice");
  assert.deepEqual([alice.avatar, client.person("carol").name], ["/a.png", "carol"]);
  socket().says({ type: "user", user: { id: "alice", name: "Old", v: 2 } });
  socket().says({ ...said("a", 2, 20), author: { id: "alice", name: "Older" } });
  assert.equal(client.person("alice"), alice);
  socket().ends(1006);
  await passes(500);
  socket().says({ ...welcome, features: [...welcome.features, "people"] });
  assert.equal(client.person("alice"), alice);
  await settle();
  assert.deepEqual(socket().last("users").ids, ["alice"]);
});

// A socket that is welcome at once.
const FakeSocketOf = (begins: (socket: FakeSocket) => void) => class extends FakeSocket {
  constructor(url: string, protocols: string[]) {
    super(url, protocols);
    setImmediate(() => begins(this));
  }
};

test("a room that is opened is listed, with its last message", async () => {
  const rooms: Record<string, any> = { tea: listed("tea", 7, 0, 5) };
  const { client, list, asked } = await setup(rooms);
  const { last, ...den } = listed("den", 4, 2, 9);
  rooms["den"] = { ...den, entries: [last] }; // answers for the room, and for its entries
  await comes(client.rooms.open("den"));
  assert.deepEqual(list(), [["den", 2, "den 4"], ["tea", 0, "tea 7"]]);
  assert.ok(asked.includes("/chat/v1/rooms/den/entries?limit=1&only=messages"), asked.join());
});

test("another log begins with another list, and goes on", async () => {
  const rooms: Record<string, any> = { tea: listed("tea", 7, 0, 5) };
  const { client, socket, list } = await setup(rooms);
  assert.deepEqual(list(), [["tea", 0, "tea 7"]]);
  delete rooms["tea"];
  rooms["den"] = listed("den", 1, 1, 9);
  socket().ends(1006);
  await passes(60_000);
  list(); // somebody looks meanwhile
  socket().says({ ...welcome, log: "another" });
  await comes(client.rooms.until(({ rooms: all }) => all.some(({ id }) => id === "den")));
  assert.deepEqual(list(), [["den", 1, "den 1"]]);
});
