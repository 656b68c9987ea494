import assert from "node:assert/strict";
import { test } from "node:test";
import { client, eventually, Service } from "./kit.ts";

test("finds what was said, and says where in it", async (t) => {
  const service = await Service.start(t);
  const alice = client(t, service.url, "alice");
  const room = alice.room("tea");
  for (const body of ["the kettle is on", "🍵 green tea, please", "no tea for me"]) await room.send(body).outcome;
  await eventually("all is indexed", async () => (await alice.search("tea")).hits.length === 2);
  const { hits, next } = await alice.search("green", { room: "tea" });
  const found = hits.map(({ message: { seq, body }, marks }) => [seq, marks.map(({ from, to }) => body.slice(from, to))]);
  assert.deepEqual([found, next], [[[2, ["green"]]], undefined]);
  const first = await alice.search("tea", { limit: 1 });
  const rest = await alice.search("tea", { limit: 1, cursor: first.next! });
  assert.deepEqual([first, rest].map(({ hits: [hit] }) => hit!.message.seq), [3, 2]);
});
