import assert from "node:assert/strict";
import { test } from "node:test";
import { pictureAt } from "../src/ui/picture.ts";

test("pictures come by https, or from the page's own site", () => {
  const page = "http://shop.example:8080/chat/";
  for (const [address, at] of [
    ["https://pictures.example/a.png", "https://pictures.example/a.png"],
    ["avatars/a.png", "http://shop.example:8080/chat/avatars/a.png"],
    ["/a.png?x=1", "http://shop.example:8080/a.png?x=1"],
    ["http://shop.example:8080/a.png", "http://shop.example:8080/a.png"],
    ["http://pictures.example/a.png", undefined],
    ["//pictures.example/a.png", undefined],
    ["http://shop.example/a.png", undefined],
    ["javascript:alert(1)", undefined],
    ["data:image/png;base64,AAAA", undefined],
    ["blob:http://shop.example:8080/1", undefined],
    ["https://[", undefined],
    ["", undefined],
    [undefined, undefined],
  ]) assert.equal(pictureAt(address, page), at, address);
  assert.equal(pictureAt("//pictures.example/a.png", "https://shop.example/"), "https://pictures.example/a.png");
  assert.equal(pictureAt("a.png", "about:blank"), undefined);
});
