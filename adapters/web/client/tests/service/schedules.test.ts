import assert from "node:assert/strict";
import { test } from "node:test";
import type { Client } from "../../src/client.ts";
import { bodies, client, eventually, Proxy, seeded, Service } from "./kit.ts";

const ROOMS = ["tea", "den"];
const STEPS = 60;

interface Person {
  readonly name: string;
  readonly proxy: Proxy;
  readonly client: Client;
  readonly said: Record<string, string[]>;
  readonly read: Record<string, string[]>;
}

// Random faults over two clients. In the end both show what the log has, each message once, those of
// one sender in the order of sending; and readers saw each entry once.
for (const seed of (process.env["SEEDS"] ?? "1,2,3").split(",").map(Number)) {
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
    const outcomes: Promise<{ state: string }>[] = [];
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
          const room = ROOMS[random(ROOMS.length)]!;
          const body = `${name} ${said[room]!.length}`;
          said[room]!.push(body);
          outcomes.push(one.room(room).send(body).outcome);
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
    for (const outcome of await Promise.all(outcomes)) assert.equal(outcome.state, "sent");
    for (const room of ROOMS) await ends(service, people, room);
  });
}

async function reads({ client: one, read }: Person, room: string): Promise<void> {
  read[room] = [];
  for await (const entry of one.room(room).entries({ after: 0 })) if (entry.type === "message") read[room].push(entry.body!);
}

async function ends(service: Service, people: readonly Person[], room: string): Promise<void> {
  const log = bodies(await service.log(room));
  assert.equal(new Set(log).size, log.length, "a message is there twice");
  for (const { name, said, client: one, read } of people) {
    assert.deepEqual(log.filter((body) => body.startsWith(name)), said[room], `what ${name} said, in order`);
    const messages = one.room(room).messages;
    await eventually(`${name} sees all of ${room}`, () => {
      const { items } = messages.getSnapshot();
      return bodies(items).length === log.length && items.every(({ seq }) => seq > 0);
    });
    assert.deepEqual(bodies(messages.getSnapshot().items), log, `what ${name} sees`);
    await eventually(`${name} has read all of ${room}`, () => read[room]!.length >= log.length);
    assert.deepEqual(read[room], log, `what ${name} has read`);
  }
}
