import assert from "node:assert/strict";
import { test } from "node:test";
import { inline, isBig, parse, plain, safe } from "../src/message/markdown.ts";

const text = (value: string) => ({ is: "text", text: value });

test("marks are nested, and stay text where they mark nothing", () => {
  assert.deepEqual(inline("a **b *c* d** e"), [
    text("a "), { is: "strong", of: [text("b "), { is: "em", of: [text("c")] }, text(" d")] }, text(" e"),
  ]);
  for (const same of ["2 * 3 * 4", "snake_case_name", "**open", "* a *", "~~", "a ** b", "`open", "[a](javascript:alert(1))", "****"]) {
    assert.deepEqual(inline(same), [text(same)], same);
  }
  assert.deepEqual(inline("~~a~~ `**b**`"), [{ is: "del", of: [text("a")] }, text(" "), { is: "code", text: "**b**" }]);
});

test("addresses become links, without what closes the sentence", () => {
  const href = (body: string) => inline(body).flatMap((one) => (one.is === "link" ? [one.href] : []));
  assert.deepEqual(href("see https://a.example/x?y=1#z, and (https://b.example/(c))."), ["https://a.example/x?y=1#z", "https://b.example/(c)"]);
  assert.deepEqual(href("www.example.com! ahttps://no.example"), ["https://www.example.com/"]);
  assert.deepEqual(href("[name](https://a.example/) [mail](mailto:a@b.example) [bad](data:text/html,x) [bad](/x)"), ["https://a.example/", "mailto:a@b.example"]);
  assert.deepEqual(href("**https://a.example/x**"), []);
  assert.equal((inline("**https://a.example/x**")[0] as any).of[0].href, "https://a.example/x");
  assert.deepEqual(href("https://a.example/\u202egnp.exe"), ["https://a.example/"]);
});

test("only addresses of the web and of mail are safe", () => {
  for (const bad of ["javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "vbscript:x", "file:///etc", "https://user:secret@a.example/", "//a", "blob:https://a.example/1"]) {
    assert.equal(safe(bad), undefined, bad);
  }
});

test("blocks are code, quotes, lists and lines", () => {
  assert.deepEqual(parse("```ts\nlet a = `1`;\n```\nafter"), [
    { is: "code", lang: "ts", text: "let a = `1`;" }, { is: "lines", of: [text("after")] },
  ]);
  assert.deepEqual(parse("```\nopen"), [{ is: "lines", of: [text("```\nopen")] }]);
  assert.deepEqual(parse("> a\n> > b\nc"), [
    { is: "quote", of: [{ is: "lines", of: [text("a")] }, { is: "quote", of: [{ is: "lines", of: [text("b")] }] }] },
    { is: "lines", of: [text("c")] },
  ]);
  assert.deepEqual(parse("3. a\n4. b\n\n- c"), [
    { is: "list", from: 3, of: [[text("a")], [text("b")]] }, { is: "list", from: undefined, of: [[text("c")]] },
  ]);
  assert.deepEqual(parse("a\n\n\nb"), [{ is: "lines", of: [text("a\n\n\nb")] }]);
});

test("people and rooms are named, where no word goes on", () => {
  assert.deepEqual(inline("@bob, #tea. a@b.example #a#b"), [
    { is: "mention", user: "bob" }, text(", "), { is: "room", room: "tea" }, text(". a@b.example "), { is: "room", room: "a" }, text("#b"),
  ]);
});

test("a body in one line", () => {
  assert.equal(plain("**a**\n> b\n\n- c\n- `d`\n\n```\ne\n```\n[f](https://g.example)"), "a b c d e f");
});

test("a few emoji alone are big", () => {
  for (const big of ["🎉", "🎉 🎉", "👩‍👩‍👧", "🇩🇪", "❤️"]) assert.ok(isBig(big), big);
  for (const small of ["a", "🎉 a", "12", "", "🎉🎉🎉🎉🎉🎉🎉"]) assert.ok(!isBig(small), small);
});

test("any text gives its characters back, in an effort that its length bounds", () => {
  const bodies = ["*", "**", "_", "~~", "`", "[", "[a](", "@", "#", "> ", "```\n", "https://", "*a", "**a*", "- ", "((", ")", "www.)"].map((piece) => piece.repeat(4_000 / piece.length));
  let nodes = 0;
  const count = (all: readonly any[]): number => all.reduce((sum, one) => sum + 1 + (Array.isArray(one.of) ? count(one.of.flat()) : 0), 0);
  for (const body of bodies) nodes += count(parse(body));
  assert.ok(nodes < 40_000, `${nodes} nodes`);
  let seed = 7;
  const any = () => (seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31);
  const pieces = ["*", "**", "_", "`", "```", "\n", "> ", "- ", "1. ", "~~", "[x](https://a.example)", "word ", " ", "@bob", "https://a.example/"];
  for (let turn = 0; turn < 2_000; turn++) {
    const body = Array.from({ length: 30 }, () => pieces[any() % pieces.length]).join("");
    assert.ok(Array.isArray(parse(body)));
  }
});
