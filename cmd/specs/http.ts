// Calls every route by what openapi-typescript makes of openapi.json. $ALICE, $SHOP and $ADMIN are tokens of a user,
// a service and an admin; the service is at $URL.
import createClient from "openapi-fetch";
import type { components, paths } from "./made/openapi-typescript.js";

type Schemas = components["schemas"];
const room = "openapi-typescript";
const client = (token?: string) => createClient<paths>({ baseUrl: process.env.URL, headers: { Authorization: `Bearer ${token}` } });
const [user, service, admin] = [process.env.ALICE, process.env.SHOP, process.env.ADMIN].map(client);
const at = { path: { room } };

// ok returns the data of an answer, which must have success.
async function ok<T>(answer: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  const { data, error, response } = await answer;
  if (!response.ok) throw new Error(`${response.status} ${response.url}: ${JSON.stringify(error)}`);
  return data as T;
}

function check(right: unknown, got: unknown): asserts right {
  if (!right) throw new Error(`got ${JSON.stringify(got)}`);
}

async function rooms() {
  const made = await ok(user.POST("/v1/rooms", { body: { room, name: "By openapi-typescript", members: [{ user: "bob", role: "write" }] } }));
  check(made.role === "moderate" && made.members?.[0].changed, made);
  await ok(user.PATCH("/v1/rooms/{room}", { params: at, body: { topic: "Routes", custom: { n: 1 }, may_pin: "write" } }));
  const got = await ok(user.GET("/v1/rooms/{room}", { params: at }));
  check(got.topic === "Routes" && got.custom?.n === 1 && got.may_pin === "write", got);
  const listed = await ok(user.GET("/v1/rooms", { params: { query: { sort: "active", limit: 5 } } }));
  check(listed.rooms[0].room === room, listed);
}

async function messages() {
  const body: Schemas["NewMessage"] = { body: "hello", meta: { by: room } };
  const { seq } = await ok(user.POST("/v1/rooms/{room}/messages", { params: { ...at, header: { "Idempotency-Key": "k1" } }, body }));
  const it = { path: { room, seq } };
  const edit = await ok(user.PATCH("/v1/rooms/{room}/messages/{seq}", { params: it, body: { body: "good day" } }));
  const emoji = { path: { room, seq, emoji: "👍" } };
  check((await ok(user.PUT("/v1/rooms/{room}/messages/{seq}/reactions/{emoji}", { params: emoji }))).changed, "no reaction");
  const got = await ok(user.GET("/v1/rooms/{room}/messages/{seq}", { params: it }));
  check(got.body === "good day" && got.reactions?.[0].me && got.meta?.by === room, got);
  await ok(user.DELETE("/v1/rooms/{room}/messages/{seq}/reactions/{emoji}", { params: emoji }));
  const { entries } = await ok(user.GET("/v1/rooms/{room}/entries", { params: at }));
  check(entries.some((entry) => entry.type === "member" && entry.user === "bob" && entry.change === "joined"), entries);
  check(entries.some((entry) => entry.type === "edited" && entry.target === seq && entry.body === "good day"), entries);
  const query = { q: "day", room, at_least: edit.seq, limit: 50 };
  const { hits } = await ok(user.GET("/v1/search", { params: { query } }));
  check(hits.length === 1 && hits[0].seq === seq && hits[0].marks[0][1] === 8, hits);
  const commands: Schemas["Batch"]["commands"] = [
    { type: "send", room, body: "to go", key: "k2" },
    { type: "set", room, target: seq, set: "x.batch", slot: "a", data: [1] },
    { type: "read", room, seq },
  ];
  const { results } = await ok(user.POST("/v1/batch", { body: { commands } }));
  check(results.length === 3 && results.every((result) => result.type === "ok"), results);
  await ok(user.DELETE("/v1/rooms/{room}/messages/{seq}", { params: { path: { room, seq: results[0].seq! } } }));
  await streams(entries.length);
  return seq;
}

// streams polls: a stream of events would not end.
async function streams(known: number) {
  const one = await ok(user.GET("/v1/rooms/{room}/stream", { params: { ...at, query: { after: 0, wait: 20 } } }));
  check(typeof one === "object" && one.entries.length >= known, one);
  const none = await ok(user.GET("/v1/rooms/{room}/stream", { params: { ...at, query: { after_id: one.id, wait: 0 } } }));
  check(typeof none === "object" && none.entries.length === 0 && none.id === one.id, none);
  const many = await ok(user.GET("/v1/stream", { params: { query: { rooms: `${room}@0`, wait: 20 } } }));
  check(typeof many === "object" && many.entries.length === one.entries.length, many);
  const durable = await ok(user.GET("/v1/ds/rooms/{room}", { params: { ...at, query: { offset: "-1" } } }));
  check(Array.isArray(durable) && durable.length === one.entries.length, durable);
}

async function sets(seq: number) {
  const it = { path: { room, seq } };
  await ok(user.PUT("/v1/rooms/{room}/pins/{seq}", { params: it }));
  const { messages } = await ok(user.GET("/v1/rooms/{room}/pins", { params: at }));
  check(messages[0].pinned?.by === "alice" && messages[0].sets?.[0].set === "x.batch", messages);
  await ok(user.DELETE("/v1/rooms/{room}/pins/{seq}", { params: it }));
  const onIt = { path: { room, seq, set: "x.state" }, query: { slot: "a" } };
  const onRoom = { path: { room, set: "x.state" } };
  await ok(user.PUT("/v1/rooms/{room}/messages/{seq}/sets/{set}", { params: onIt, body: { data: { open: true } } }));
  await ok(user.DELETE("/v1/rooms/{room}/messages/{seq}/sets/{set}", { params: onIt }));
  await ok(user.PUT("/v1/rooms/{room}/sets/{set}", { params: onRoom, body: { data: { open: true } } }));
  const held = await ok(user.GET("/v1/rooms/{room}/sets", { params: at }));
  check(JSON.stringify(held.sets) === '[{"set":"x.state","slot":"","data":{"open":true}}]', held);
  check((await ok(user.DELETE("/v1/rooms/{room}/sets/{set}", { params: onRoom }))).changed, "it was not set");
}

async function members() {
  const set: Schemas["Place"][] = [{ user: "carol", role: "read" }, { user: "carol", role: "none" }, { user: "~x", role: "read" }];
  const { results } = await ok(user.PUT("/v1/rooms/{room}/members", { params: at, body: { set } }));
  check(results[0].changed && results[1].changed && results[2].error?.code === "invalid", results);
  const bob = { path: { room, user: "bob" } };
  check((await ok(user.PUT("/v1/rooms/{room}/members/{user}", { params: bob, body: { role: "read" } }))).role === "read", "no place");
  check((await ok(user.GET("/v1/rooms/{room}/members", { params: at }))).members.length === 2, "the members are others");
  check((await ok(user.GET("/v1/rooms/{room}/marks", { params: at }))).room === room, "no marks");
  await ok(user.DELETE("/v1/rooms/{room}/members/{user}", { params: bob }));
}

async function people() {
  const alice = { path: { user: "alice" } };
  const set = await ok(user.PUT("/v1/users/{user}", { params: alice, body: { name: "Alice O.", custom: { by: room } } }));
  const got = await ok(user.GET("/v1/users/{user}", { params: alice }));
  check(got.v === set.v && got.name === "Alice O." && got.custom?.by === room, got);
  check((await ok(user.GET("/v1/users", { params: { query: { ids: "alice,nobody" } } }))).users.length === 1, "others");
  check((await ok(user.POST("/v1/users", { body: { ids: ["alice", "a,b"] } }))).users[0].id === "alice", "others");
}

// acting has a service speak for a user and for the system.
async function acting(seq: number) {
  const commands: Schemas["BatchCommand"][] = [
    { type: "send", room, body: "for alice", key: "k3", as: { user: "alice" } },
    { type: "send", room, body: "for nobody", key: "k4", silent: true, as: { system: true } },
    { type: "set", room, set: "x.acted", data: 1, key: "k5", as: { user: "alice" } },
    { type: "pin", room, seq, until: new Date(Date.now() + 3_600_000).toISOString(), key: "k6", as: { system: true } },
  ];
  const { results } = await ok(service.POST("/v1/batch", { body: { atomic: room, commands } }));
  check(results.length === 4 && results.every((result) => result.type === "ok"), results);
  const params = { path: { room, seq: results[1].seq! }, header: { "Parley-As": "system" } };
  const got = await ok(service.GET("/v1/rooms/{room}/messages/{seq}", { params }));
  check(got.author.id === "~system" && got.via === "shop" && got.silent, got);
}

async function hooks() {
  const wish: Schemas["NewHook"] = { kind: "pull", rooms: [room], from: "start", types: ["message"], bot: { name: "Bot" } };
  const { hook, secret } = await ok(admin.POST("/v1/hooks", { body: wish }));
  const it = { path: { hook } };
  check((await ok(admin.GET("/v1/hooks"))).hooks.some((other) => other.hook === hook && !other.secret), "it is not listed");
  check((await ok(admin.GET("/v1/hooks/{hook}", { params: it }))).kind === "pull", "it is another");
  check((await ok(admin.GET("/v1/hooks/{hook}/behind", { params: it }))).entries > 0, "it is not behind");
  const puller = client(secret!);
  const { batches } = await ok(puller.GET("/v1/hooks/{hook}/entries", { params: { ...it, query: { wait: 20 } } }));
  check(batches[0].room === room && batches[0].entries.length > 0, batches);
  const ack: Schemas["HookAck"] = { id: batches[0].id, do: [{ type: "send", body: "I have seen it." }] };
  check((await ok(puller.POST("/v1/hooks/{hook}/ack", { params: it, body: ack }))).seq >= batches[0].last, "it does not move");
  const { entries } = await ok(user.GET("/v1/rooms/{room}/entries", { params: at }));
  const said = entries.at(-1);
  check(said?.type === "message" && said.author.name === "Bot" && said.body === "I have seen it.", said);
  const { seq: to } = await ok(user.POST("/v1/rooms/{room}/messages", { params: at, body: { body: "not pulled" } }));
  await ok(admin.POST("/v1/hooks/{hook}/skip", { params: it, body: { room, to, why: "a test" } }));
  await ok(admin.POST("/v1/hooks/{hook}/retry", { params: it, body: { room } }));
  await ok(admin.POST("/v1/hooks/{hook}/seek", { params: it, body: { room, after: 1 } }));
  const changed = await ok(admin.PATCH("/v1/hooks/{hook}", { params: it, body: { paused: true, rotate: true } }));
  check(changed.paused && changed.secret !== secret, changed.paused);
  await ok(admin.DELETE("/v1/hooks/{hook}", { params: it }));
  const pushed = await ok(admin.POST("/v1/hooks", { body: { url: "http://127.0.0.1:1/", rooms: [room], ed25519: true, signals: true } }));
  check(pushed.public_keys?.length === 1 && pushed.signals, pushed.public_keys);
  const test = await ok(admin.POST("/v1/hooks/{hook}/test", { params: { path: { hook: pushed.hook } } }));
  check(!test.ok && test.error === "the connection was refused" && !test.status, test);
  await ok(admin.DELETE("/v1/hooks/{hook}", { params: { path: { hook: pushed.hook } } }));
  const own = await ok(user.POST("/v1/rooms/{room}/hooks", { params: at, body: { kind: "pull" } }));
  const listed = await ok(user.GET("/v1/rooms/{room}/hooks", { params: at }));
  check(listed.hooks.length === 1 && listed.hooks[0].hook === own.hook && listed.hooks[0].room === room, listed);
  await ok(user.DELETE("/v1/hooks/{hook}", { params: { path: { hook: own.hook } } }));
}

// itself asks what the service tells of itself.
async function itself() {
  await ok(user.GET("/healthz"));
  await ok(user.GET("/readyz"));
  check((await ok(user.GET("/openapi.json"))).openapi, "no document");
  await ok(user.GET("/asyncapi.json"));
}

await rooms();
const said = await messages();
await sets(said);
await members();
await people();
await acting(said);
const { rooms: all } = await ok(admin.GET("/v1/rooms", { params: { query: { all: "true" } } }));
check(all.some((one) => one.room === room), all);
await hooks();
await itself();
await ok(user.DELETE("/v1/rooms/{room}", { params: at }));
