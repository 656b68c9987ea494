import assert from "node:assert/strict";
import { test } from "node:test";
import { client, Service, token } from "./kit.ts";

test("a user who never spoke here has a name, and a new one at once", async (t) => {
  const service = await Service.start(t);
  const bob = client(t, service.url, "bob"); // the service learns the name from the token
  await bob.room("elsewhere").send("hello").outcome;
  const alice = client(t, service.url, "alice");
  await alice.room("tea").ready();
  assert.equal(alice.name("bob"), "bob");
  await alice.until(() => alice.name("bob") === "BOB");
  const response = await fetch(`${service.url}/v1/users/bob`, {
    method: "PUT", body: '{"name":"Robert"}',
    headers: { Authorization: `Bearer ${token("root", 60, { scope: "chat:admin" })}`, "Content-Type": "application/json" },
  });
  assert.ok(response.ok, await response.text());
  await alice.until(() => alice.name("bob") === "Robert");
});
