import assert from "node:assert/strict";
import { test } from "node:test";
import type { Item } from "@parley-chat/client";
import { rows } from "../src/timeline/rows.ts";

const at = (minutes: number, day = 1) => new Date(2026, 0, day, 12, minutes).toISOString();
const message = (seq: number, author = "bob", when = at(seq)) => ({ type: "message", id: `s${seq}`, seq, at: when, author: { id: author, name: author } }) as unknown as Item;
const shape = (items: Item[], line = 0, hasOlder = false) =>
  rows(items, line, hasOlder).map((row) => (row.is === "message" ? `${row.key}${row.first ? " first" : ""}${row.last ? " last" : ""}` : row.is));

test("messages of one person in a row are a group, until a day, a pause or somebody else", () => {
  assert.deepEqual(shape([message(1), message(2), message(3, "carol"), message(4, "carol", at(20)), message(5, "carol", at(20, 2))]), [
    "day", "s1 first", "s2 last", "s3 first last", "s4 first last", "day", "s5 first last",
  ]);
});

test("the line stands before the first message behind the mark, and breaks a group", () => {
  assert.deepEqual(shape([message(1), message(2), message(3)], 2), ["day", "s1 first", "s2 last", "line", "s3 first last"]);
  assert.deepEqual(shape([message(5), message(6)], 2, true), ["day", "s5 first", "s6 last"]); // it is further up
  assert.deepEqual(shape([message(5), message(6)], 2), ["day", "line", "s5 first", "s6 last"]);
  assert.deepEqual(shape([message(1)], 9), ["day", "s1 first last"]);
});

test("no two rows have the same key", () => {
  const items = [message(1), message(2, "bob", at(1, 2)), message(3, "bob", at(1, 1)), message(4, "bob", at(1, 2))];
  const keys = rows(items, 2, false).map(({ key }) => key);
  assert.equal(new Set(keys).size, keys.length);
});
