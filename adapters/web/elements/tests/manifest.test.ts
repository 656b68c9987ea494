import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

const read = (name: string) => readFileSync(new URL(`../${name}`, import.meta.url), "utf8");
const source = readdirSync(new URL("../src", import.meta.url), { recursive: true, encoding: "utf8" }).filter((name) => /\.(tsx?|css)$/.test(name)).map((name) => read(`src/${name}`)).join("\n");
const manifest = JSON.parse(read("src/custom-elements.json"));
const readme = read("README.md");
const unique = (all: Iterable<string>) => [...new Set(all)].sort();
const matches = (pattern: RegExp, text = source) => unique([...text.matchAll(pattern)].map(([, name]) => name!));

// What the manifest says is what there is, and the README says it too.
for (const element of manifest.modules[0].declarations) {
  const names = (what: string) => unique(element[what].map(({ name }: { name: string }) => name));
  const told = (all: string[]) => assert.deepEqual(all.filter((name) => !readme.includes(`\`${name}\``)), []);

  test(`${element.tagName}: parts`, () => {
    const given = [...source.matchAll(/\bpart=(?:"([^"]+)"|\{([^}]*)\})/g)].flatMap(([, plain, made]) => (plain ? [plain] : [...(made ?? "").matchAll(/"([^"]+)"/g)].map(([, one]) => one!)));
    assert.deepEqual(names("cssParts"), unique(given.flatMap((one) => one.split(" "))));
    told(names("cssParts"));
  });

  test(`${element.tagName}: variables`, () => {
    assert.deepEqual(names("cssProperties"), matches(/var\((--parley-[a-z-]+)/g));
    told(names("cssProperties"));
  });

  test(`${element.tagName}: events, slots and attributes`, () => {
    assert.deepEqual(names("events"), matches(/emit\("(parley-[a-z]+)"/g));
    assert.deepEqual(names("slots"), matches(/<slot name="([a-z]+)"/g));
    const observed = /observedAttributes = \[([^\]]+)\]/.exec(source)![1]!;
    assert.deepEqual(names("attributes"), unique([...matches(/"([a-z]+)"/g, observed), "suggest"]));
    for (const what of ["events", "slots", "attributes"]) told(names(what));
  });
}
