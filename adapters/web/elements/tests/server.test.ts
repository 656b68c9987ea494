import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const web = fileURLToPath(new URL("../..", import.meta.url));

test("a server may import what is built, where there are no elements", (t) => {
  const site = mkdtempSync(join(tmpdir(), "parley-site-"));
  t.after(() => rmSync(site, { recursive: true }));
  const modules = join(site, "node_modules", "@parley-chat");
  mkdirSync(modules, { recursive: true });
  for (const name of ["client", "elements"]) symlinkSync(join(web, name), join(modules, name));
  writeFileSync(join(site, "site.mjs"), `
    for (const name of ["@parley-chat/elements", "@parley-chat/elements/embed.js"]) {
      const { ParleyChat, ParleyElement } = await import(name);
      console.log(ParleyChat.prototype instanceof ParleyElement, ParleyChat.observedAttributes.includes("room"));
    }
  `);
  // Links stay links, as packages that are installed are: their own imports are found beside them.
  const said = execFileSync(process.execPath, ["--preserve-symlinks", "site.mjs"], { cwd: site, encoding: "utf8" });
  assert.equal(said, "true true\ntrue true\n");
});
