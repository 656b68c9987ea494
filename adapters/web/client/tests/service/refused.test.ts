import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { client, eventually, Proxy, Service, token } from "./kit.ts";

test("why a token is refused is told, with the service's words, and once on the console", async (t) => {
  const service = await Service.start(t);
  const proxy = await Proxy.start(t, service);
  const warn = mock.method(console, "warn", () => {});
  t.after(() => warn.mock.restore());
  const alice = client(t, proxy.url, "alice", { getToken: () => token("alice", -600) });
  const { status } = await alice.until(({ status: { state, ...rest } }) => state === "waiting" && "error" in rest);
  const { code, message } = (status as { error: Error & { code: string } }).error;
  assert.equal(code, "unauthenticated");
  assert.match(message, /expired/);
  await eventually("it stops", () => alice.getSnapshot().status.state === "stopped");
  const last = alice.getSnapshot().status as { reason: string; error: Error };
  assert.deepEqual([last.reason, last.error.message], ["token", message]);
  assert.deepEqual(warn.mock.calls.map(({ arguments: [text] }) => text), [`Parley: unauthenticated: ${message}`]);
  assert.equal(proxy.sockets, 6); // of which the first did not tell why
});
