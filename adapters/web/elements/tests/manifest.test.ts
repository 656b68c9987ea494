import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

const read = (name: string) => readFileSync(new URL(`../${name}`, import.meta.url), "utf8");
const source = readdirSync(new URL("../src", import.meta.url), { recursive: true, encoding: "utf8" }).filter((name) => /\.(tsx?|css)$/.test(name)).map((name) => read(`src/${name}`)).join("\n");
const manifest = JSON.parse(read("src/custom-elements.json"));
const readme = read("README.md");
const unique = (all: Iterable<string>) => [...new Set(all)].sort();
const matches = (pattern: RegExp, text = source) => unique([...text.matchAll(pattern)].map(([, name]) => name!));

const members = (pattern: RegExp) => matches(pattern, read("src/elements/element.ts")).filter((name) => !name.endsWith("Callback"));

// What stands in the README under a heading, up to the next one: in the first column, if it is a table.
function inReadme(heading: string): string[] {
  const [, text] = new RegExp(`\\*\\*${heading}\\*\\*([^]*?)\\n?(?:\\*\\*|\\n#|$)`).exec(readme)!;
  const rows = text!.split("\n").filter((line) => line.startsWith("| ")).map((line) => line.split(" | ")[0]);
  return matches(/`([a-zA-Z-]+)`/g, rows.length ? rows.join() : text);
}

// What the manifest says is what there is, and the README says it too, and nothing else.
for (const element of manifest.modules[0].declarations) {
  const names = (what: string) => unique(element[what].map(({ name }: { name: string }) => name));
  const told = (all: string[]) => assert.deepEqual(all.filter((name) => !readme.includes(`\`${name}\``)), []);

  test(`${element.tagName}: parts`, () => {
    const given = [...source.matchAll(/\bpart=(?:"([^"]+)"|\{([^}]*)\})/g)].flatMap(([, plain, made]) => (plain ? [plain] : [...(made ?? "").matchAll(/"([^"]+)"/g)].map(([, one]) => one!)));
    assert.deepEqual(names("cssParts"), unique(given.flatMap((one) => one.split(" "))));
    told(names("cssParts"));
    assert.deepEqual(inReadme("Parts"), names("cssParts"));
  });

  test(`${element.tagName}: variables`, () => {
    assert.deepEqual(names("cssProperties"), matches(/var\((--parley-[a-z-]+)/g));
    told(names("cssProperties"));
    assert.deepEqual(matches(/(--parley-[a-z-]+)/g, readme), names("cssProperties"));
  });

  test(`${element.tagName}: events, slots and attributes`, () => {
    assert.deepEqual(names("events"), matches(/emit\("(parley-[a-z]+)"/g));
    assert.deepEqual(names("slots"), matches(/<slot name="([a-z]+)"/g));
    const observed = /observedAttributes = \[([^\]]+)\]/.exec(source)![1]!;
    assert.deepEqual(names("attributes"), unique([...matches(/"([a-z]+)"/g, observed), "suggest"]));
    for (const what of ["events", "slots", "attributes"]) told(names(what));
    assert.deepEqual(inReadme("Events"), names("events"));
    assert.deepEqual(inReadme("Slots"), names("slots"));
    assert.deepEqual(inReadme("Attributes"), names("attributes"));
  });

  test(`${element.tagName}: properties and methods`, () => {
    const named = (kind: string) => unique(element.members.filter((one: { kind: string }) => one.kind === kind).map(({ name }: { name: string }) => name));
    assert.deepEqual(named("field"), members(/^  get (\w+)\(/gm));
    assert.deepEqual(inReadme("Properties"), named("field"));
    assert.deepEqual(named("method"), members(/^  (?:override )?(\w+)\(.*\): void \{/gm));
    for (const name of named("method")) assert.match(readme, new RegExp(`\`${name}\\(`));
  });
}

test("the types for JSX that the README has are those that tsc checks", () => {
  const read = (name: string) => readFileSync(new URL(name, import.meta.url), "utf8");
  const [, lines] = /```ts\n(import type \{ ParleyButton.*?)```/s.exec(read("../README.md"))!;
  for (const library of ["react", "preact"]) assert.ok(read(`jsx/${library}.tsx`).includes(lines!.replaceAll('"react"', `"${library}"`)), library);
});
