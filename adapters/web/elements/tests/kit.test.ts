import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";

const src = new URL("../src/", import.meta.url);
const read = (name: string) => readFileSync(new URL(name, src), "utf8");

/** What a module imports that is there when it runs: module, as the kit names it, and names. */
function imports(name: string): { module: string; names: string[] }[] {
  return [...read(name).matchAll(/^import \{([^}]+)\} from "([^"]+)"/gm)].map(([, names, from]) => ({
    module: from!.startsWith(".") ? new URL(from!, new URL(name, src)).href.slice(src.href.length).replace(/\.tsx?$/, "") : from!,
    names: names!.split(",").map((one) => one.trim()).filter((one) => one && !one.startsWith("type ")),
  }));
}

const fileOf = (module: string) => [`${module}.ts`, `${module}.tsx`].find((name) => existsSync(new URL(name, src)));

test("the kit has what the file that is loaded later takes from it", () => {
  const kit = new Map([...read("lazy/kit.ts").matchAll(/^  "?([a-z/]+)"?: \{([^}]*)\}/gm)].map(([, module, names]) => [module!, names!.split(",").map((one) => one.trim())]));
  assert.ok(kit.size > 5);
  const used = new Map([...kit.keys()].map((module) => [module, new Set<string>(module === "preact" ? ["Fragment", "h"] : [])]));
  const seen = new Set<string>();
  const look = (file: string) => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const { module, names } of imports(file)) {
      const next = fileOf(module);
      if (kit.has(module)) names.forEach((name) => used.get(module)!.add(name));
      else if (next && names.length) look(next);
    }
  };
  look("lazy/more.ts");
  assert.ok(seen.has("rooms/People.tsx"));
  for (const [module, names] of used) assert.deepEqual([...names].sort(), kit.get(module)!.sort(), module);
});
