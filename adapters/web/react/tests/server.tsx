// What a server renders, in Node.
import { ParleyProvider, useConnection, useMessages, usePerson, usePresence, useRoom, useRooms, useSend, useTyping } from "@parley-chat/react";
import assert from "node:assert/strict";
import { test } from "node:test";
import { StrictMode } from "react";
import { renderToString } from "react-dom/server";

function All() {
  const { status, me } = useConnection();
  const { rooms, ready } = useRooms();
  const { id, joined } = useRoom("tea");
  const { items } = useMessages("tea", { around: "unread" });
  const { send } = useSend("tea");
  assert.throws(() => send("hello"), /no client/);
  return <p>{[status.state, String(me), rooms.length, ready, id, joined, items.length, useTyping("tea").length, usePresence("tea").total, usePerson("bob").name].join(" ")}</p>;
}

test("a server renders what is known there: that all has yet to come", () => {
  assert.equal(typeof globalThis.window, "undefined");
  const asked: string[] = [];
  const html = renderToString(
    <StrictMode>
      <ParleyProvider url="https://chat.example.com" getToken={(reason) => { asked.push(reason); return "token"; }}><All /></ParleyProvider>
    </StrictMode>,
  );
  assert.equal(html, "<p>connecting undefined 0 false tea false 0 0 0 bob</p>");
  assert.deepEqual(asked, []);
});

test("a hook without a provider says so", () => {
  assert.throws(() => renderToString(<All />), /ParleyProvider/);
});
