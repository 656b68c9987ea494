import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { test } from "node:test";
import { de } from "../src/strings/de.ts";
import { enMore } from "../src/strings/en-more.ts";
import { en } from "../src/strings/en.ts";
import { ru } from "../src/strings/ru.ts";

// The client is another package, which is not installed here.
registerHooks({
  resolve: (name, context, next) => (name === "@parley-chat/client" ? next("../../client/src/index.ts", { ...context, parentURL: import.meta.url }) : next(name, context)),
});
const { speaker } = await import("../src/strings/index.ts");

const english = { ...en, ...enMore } as Record<string, any>;
const holes = (text: any): string[] => [...new Set(typeof text === "string" ? text.match(/\{\w+\}/g) : Object.values(text).flatMap((one) => (one as string).match(/\{\w+\}/g) ?? []))].sort() as string[];

test("all languages have the same words, with the same places to fill", () => {
  for (const [lang, words] of Object.entries({ de, ru }) as [string, Record<string, any>][]) {
    assert.deepEqual(Object.keys(words).sort(), Object.keys(english).sort(), lang);
    for (const [word, text] of Object.entries(words)) {
      assert.deepEqual(holes(text), holes(english[word]), `${lang}: ${word}`);
      if (typeof english[word] === "string") assert.equal(typeof text, "string", word);
      else assert.deepEqual(Object.keys(text).sort(), [...new Intl.PluralRules(lang).resolvedOptions().pluralCategories].sort(), `${lang}: ${word}`);
    }
  }
});

test("no word is there for nobody", () => {
  const source = readdirSync(new URL("../src", import.meta.url), { recursive: true, encoding: "utf8" })
    .filter((name) => /\.tsx?$/.test(name) && !/^strings.(en|de|ru|en-more)\.ts$/.test(name))
    .map((name) => readFileSync(new URL(`../src/${name}`, import.meta.url), "utf8")).join("\n");
  const made = /^(role|make|stopped|state|fault)\./;
  const missing = Object.keys(english).filter((word) => !made.test(word) && !source.includes(`"${word}"`));
  assert.deepEqual(missing, []);
});

test("the service's own author has a word for a name, which a page may choose", () => {
  const system = { id: "~system", name: "~system" };
  assert.deepEqual([speaker("en").who(system), speaker("en", { system: "Shop" }).who(system)], ["System", "Shop"]);
  assert.equal(speaker("en").who({ id: "bob", name: "Bob" }), "Bob");
});

test("texts stand by themselves in a sentence, turn nothing of it, and many are a few and others", () => {
  const speak = speaker("en");
  assert.equal(speak("via", { who: "\u202eab\u2069c" }), "\u2068via \u2068abc\u2069\u2069");
  assert.equal(speak("typing", { n: 2, who: ["a", "b"] }), "\u2068\u2068a\u2069 and \u2068b\u2069 are typing…\u2069");
  assert.equal(speak("typing", { n: 4, who: ["a", "b", "c", "d"] }).replace(/[\u2068\u2069]/g, "").split(",").length, 3);
  assert.equal(speak("forwarded", { who: "" }), "\u2068Forwarded from \u2069");
});
