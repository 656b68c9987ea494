import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

// Tests run in this package's folder, or in none.
const web = process.cwd(); // the package

test("the storage of the README keeps what there is until it is deleted, also for the next process", async (t) => {
  const dir = await mkdtemp(join(tmpdir(), "parley-readme-"));
  t.after(() => rm(dir, { recursive: true }));
  const [, code] = /```js\n(.*?folderStorage.*?)```/s.exec(await readFile(join(web, "README.md"), "utf8"))!;
  const client = pathToFileURL(join(web, "dist", "index.js")).href;
  await writeFile(join(dir, "storage.mjs"), code!.replace("@parley-chat/client", client));
  const { folderStorage } = await import(pathToFileURL(join(dir, "storage.mjs")).href);

  const storage = await folderStorage(join(dir, "kept"));
  assert.equal(await storage.get("outbox/a%2Fb/2"), undefined);
  await Promise.all(["3", "1", "2"].map((n) => storage.set(`outbox/a%2Fb/${n}`, { n })));
  await storage.set("cursor/bot/tea/bot", { log: "l1", seq: 4 });
  await storage.set("cursor/bot/tea/bot", { log: "l1", seq: 5 });
  await storage.delete("outbox/a%2Fb/3");
  await storage.delete("outbox/a%2Fb/4");

  const next = await folderStorage(join(dir, "kept"));
  assert.deepEqual(await next.get("cursor/bot/tea/bot"), { log: "l1", seq: 5 });
  assert.deepEqual(await next.list("outbox/a%2Fb/"), [["outbox/a%2Fb/1", { n: "1" }], ["outbox/a%2Fb/2", { n: "2" }]]);
  const order: number[] = [];
  await Promise.all([1, 2].map((n) => next.lock("x", async () => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    order.push(n, n);
  })));
  assert.deepEqual(order, [1, 1, 2, 2]);
});
