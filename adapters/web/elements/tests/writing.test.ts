import assert from "node:assert/strict";
import { test } from "node:test";
import { fulfil, matching, wish } from "../src/composer/complete.ts";
import { pasted } from "../src/composer/paste.ts";
import { find, replaceNames } from "../src/message/emoji.ts";
import { isRoomId, toRoomId } from "../src/rooms/ids.ts";

test("what stands before the caret is completed", () => {
  assert.deepEqual(wish("hi @bo", 6), { kind: "@", text: "bo", from: 3, to: 6 });
  assert.deepEqual(wish("#", 1), { kind: "#", text: "", from: 0, to: 1 });
  assert.equal(wish("a@bo", 4), undefined);
  assert.equal(wish("at 12:30", 8), undefined);
  assert.equal(wish(":t", 2), undefined);
  assert.deepEqual(fulfil("hi @bo there", wish("hi @bo", 6)!, "@bob"), { text: "hi @bob there", caret: 8 });
});

test("those are first whose id begins so", () => {
  const all = [{ id: "x", name: "Anna Bobova" }, { id: "y", name: "Bob" }, { id: "bo", name: "Z" }, { id: "z", name: "Zbo" }];
  assert.deepEqual(matching(all, "bo", 9).map(({ id }) => id), ["bo", "y", "x"]);
});

test("names of emoji are replaced, but not in code", () => {
  assert.equal(replaceNames("well :tada: (:heart:) :nope: `:tada:` a:tada:"), "well 🎉 (❤️) :nope: `:tada:` a:tada:");
  assert.equal(find("tad", 1)[0]!.char, "🎉");
});

test("an address over words makes them a link", () => {
  const field = { value: "see this page", selectionStart: 4, selectionEnd: 8 };
  assert.deepEqual(pasted(field, "https://a.example/x "), { text: "see [this](https://a.example/x) page", caret: 31 });
  for (const text of ["javascript:alert(1)", "words", "https://a b"]) assert.equal(pasted(field, text), undefined);
  assert.equal(pasted({ ...field, selectionEnd: 4 }, "https://a.example"), undefined);
});

test("titles give ids of rooms", () => {
  for (const [title, id] of [["Tea & Cake!", "tea-cake"], ["#General", "general"], ["Книжный клуб", "knizhnyy-klub"], ["Crème brûlée", "creme-brulee"], ["日本", ""], ["  -x- ", "x"]]) {
    assert.equal(toRoomId(title!), id);
  }
  assert.ok(isRoomId(toRoomId("a".repeat(99))));
});
