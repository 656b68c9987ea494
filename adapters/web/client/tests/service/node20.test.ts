import assert from "node:assert/strict";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { createClient } from "../../src/client.ts";
import { bodies, client, Proxy, Service, token } from "./kit.ts";

test("where there is no WebSocket one is given, that of ws", async (t) => {
  const service = await Service.start(t);
  const proxy = await Proxy.start(t, service);
  const own = globalThis.WebSocket;
  t.after(() => { globalThis.WebSocket = own; });
  delete (globalThis as { WebSocket?: unknown }).WebSocket;
  assert.throws(() => createClient({ url: proxy.url, getToken: () => token("alice") }), TypeError);

  const { WebSocket } = await import(pathToFileURL(process.env["WS"]!).href);
  const room = client(t, proxy.url, "alice", { WebSocket }).room("tea");
  await room.send("one").outcome;
  proxy.cut();
  await room.send("two").outcome;
  await room.messages.until(({ items }) => items.length === 2 && items.every(({ seq }) => seq > 0));
  assert.deepEqual(bodies(room.messages.getSnapshot().items), ["one", "two"]);
});
