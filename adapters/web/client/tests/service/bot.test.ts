import assert from "node:assert/strict";
import { test } from "node:test";
import { memoryStorage } from "../../src/storage.ts";
import { bodies, client, Service } from "./kit.ts";

test("a bot that dies before it is done with an entry answers it once", async (t) => {
  const service = await Service.start(t);
  await service.ask("POST", "v1/rooms/tea/messages", "alice", { body: "tea?" });
  const storage = memoryStorage(); // what outlives the bot

  // It lives until it has answered the first entry, and is not done with it then.
  const lives = async (waits: boolean) => {
    const bot = client(t, service.url, "bot", { storage });
    const room = bot.room("tea");
    for await (const entry of room.entries({ name: "answers", after: 0 })) {
      if (entry.type !== "message" || entry.author.id === "bot") continue;
      const { outcome } = room.send("with milk", { key: `answer-${entry.seq}` });
      const done = waits ? await outcome : undefined;
      bot.destroy();
      return done?.seq;
    }
    return undefined;
  };
  await lives(false); // whether it was sent is not known
  const seq = await lives(true);
  assert.ok(seq);
  assert.equal(await lives(true), seq);
  assert.deepEqual(bodies(await service.log("tea")), ["tea?", "with milk"]);

  // The same within one life, and its messages are shown once.
  const bot = client(t, service.url, "bot", { storage });
  const room = bot.room("tea");
  await room.messages.until(({ live, items }) => live && bodies(items).length === 2);
  const shown = new Set<number>();
  room.messages.subscribe(() => shown.add(bodies(room.messages.getSnapshot().items).length));
  const [first, again] = [room.send("with milk", { key: `answer-1` }), room.send("with sugar", { key: `answer-1` })];
  assert.equal((await first.outcome).seq, seq);
  assert.equal((await again.outcome).seq, seq);
  const other = room.send("and cake", { key: "cake" });
  await other.outcome;
  await room.messages.until(({ items }) => bodies(items).length === 3);
  assert.equal((await room.send("and cake", { key: "cake" }).outcome).seq, (await other.outcome).seq);
  assert.deepEqual(bodies(await service.log("tea")), ["tea?", "with milk", "and cake"]);
  assert.ok([...shown].every((count) => count === 2 || count === 3), String([...shown]));
});
