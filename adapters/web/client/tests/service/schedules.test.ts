import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { Client } from "../../src/client.ts";
import type { Item, Message } from "../../src/message.ts";
import type { Outcome } from "../../src/outbox.ts";
import type { Room } from "../../src/room.ts";
import { client, eventually, Proxy, seeded, Service } from "./kit.ts";

const ROOMS = ["tea", "den"];
const STEPS = 60;

interface Person {
  readonly name: string;
  readonly proxy: Proxy;
  readonly client: Client;
  readonly said: Record<string, string[]>; // keys, by room
  readonly read: Record<string, string[]>;
}

// Random faults over two clients who write, edit, delete and react. In the end the log has each
// message once, those of one sender in the order of sending; readers saw each once; and both show what
// somebody sees who comes anew.
for (const seed of (process.env["SEEDS"] ?? "3,4,5").split(",").map(Number)) {
  test(`a random schedule of faults ends as the log says (seed ${seed})`, async (t) => {
    const random = seeded(seed);
    const service = await Service.start(t);
    const people: Person[] = [];
    for (const name of ["alice", "bob"]) {
      const proxy = await Proxy.start(t, service);
      const person = { name, proxy, client: client(t, proxy.url, name), said: {} as Person["said"], read: {} as Person["read"] };
      for (const id of ROOMS) {
        await person.client.room(id).messages.until(({ ready }) => ready);
        person.said[id] = [];
        void reads(person, id);
      }
      people.push(person);
    }
    const outcomes: Promise<Outcome>[] = [];
    for (let step = 0; step < STEPS; step++) {
      const person = people[random(2)]!;
      const { proxy, client: one, name, said } = person;
      switch (random(12)) {
        case 0:
          proxy.cut();
          break;
        case 1:
          proxy.cutAfter = random(400);
          break;
        case 2:
          proxy.deaf = true;
          break;
        case 3:
          proxy.down = true;
          proxy.cut();
          break;
        case 4:
        case 5:
          if (proxy.deaf) proxy.cut();
          proxy.down = proxy.deaf = false;
          one.reconnect();
          break;
        case 6:
          if (random(4) > 0) break;
          await service.ends(random(2) ? "SIGKILL" : "SIGTERM");
          await service.starts();
          break;
        default: {
          const id = ROOMS[random(ROOMS.length)]!;
          const room = one.room(id);
          const target = random(3) === 0 ? changeable(room, name, random) : undefined;
          if (target) outcomes.push(changes(room, target, name, random).outcome);
          else {
            const { key, outcome } = room.send(`${name} ${said[id]!.length}`);
            said[id]!.push(key);
            outcomes.push(outcome);
          }
        }
      }
      if (random(3) === 0) await new Promise((resolve) => setTimeout(resolve, random(30)));
    }
    for (const { proxy } of people) {
      Object.assign(proxy, { down: false, deaf: false, cutAfter: Infinity });
      proxy.cut();
    }
    await eventually("all is sent", async () => {
      for (const one of people) one.client.reconnect();
      return Promise.race([Promise.all(outcomes), new Promise((resolve) => setTimeout(resolve, 100))]);
    });
    for (const { state, error } of await Promise.all(outcomes)) {
      if (error?.code !== "conflict") assert.equal(state, "sent"); // what was deleted meanwhile cannot be edited
    }
    for (const room of ROOMS) await ends(t, service, people, room);
  });
}

// A message in the log that the person may change.
function changeable(room: Room, name: string, random: (below: number) => number): Message | undefined {
  const stored = room.messages.getSnapshot().items.filter((item): item is Message => item.type === "message" && item.seq > 0 && !item.deletedAt);
  return stored[random(Math.max(1, stored.length))];
}

function changes(room: Room, { seq, author, body }: Message, name: string, random: (below: number) => number) {
  if (author.id !== name || random(2) === 0) return room.react(seq, "👍🎉🍵".match(/./gu)![random(3)]!, random(3) > 0);
  return random(3) > 0 ? room.edit(seq, `${body}!`) : room.delete(seq);
}

async function reads({ client: one, read }: Person, room: string): Promise<void> {
  read[room] = [];
  for await (const entry of one.room(room).entries({ after: 0 })) if (entry.type === "message") read[room].push(entry.key!);
}

async function ends(t: TestContext, service: Service, people: readonly Person[], id: string): Promise<void> {
  const entries = await service.log(id);
  const keys = entries.filter((entry) => entry.type === "message").map(({ key }) => key!);
  assert.equal(new Set(keys).size, keys.length, "a message is there twice");
  for (const { name, said, client: one, read } of people) {
    assert.deepEqual(keys.filter((key) => said[id]!.includes(key)), said[id], `what ${name} said, in order`);
    const room = one.room(id);
    await eventually(`${name} sees all of ${id}`, () => room.getSnapshot().head === entries.length);
    const anew = client(t, service.url, name).room(id);
    await anew.messages.until(({ ready }) => ready);
    assert.deepEqual(shown(room), shown(anew), `what ${name} sees`);
    assert.equal(shown(room).length, keys.length);
    await eventually(`${name} has read all of ${id}`, () => read[id]!.length >= keys.length);
    assert.deepEqual(read[id], keys, `what ${name} has read`);
  }
}

// What of a room's messages must be the same for whoever sees it. A change that failed is told to who
// made it; when a message was edited is not the time of the edit for who saw that live.
const shown = (room: Room) => room.messages.getSnapshot().items
  .filter((item: Item): item is Message => item.type === "message")
  .map(({ seq, key, body, deletedAt, reactions }) => ({
    seq, key, body, deleted: Boolean(deletedAt), reactions: [...reactions].map(({ emoji, count, me }) => `${emoji} ${count} ${Boolean(me)}`).sort(),
  }));
