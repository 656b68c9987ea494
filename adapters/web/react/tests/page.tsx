// A page whose test counts renders, windows and what else there is of it.
import { createClient, type Client } from "@parley-chat/client";
import { ParleyProvider, useConnection, useMessages, usePerson, usePresence, useRoom, useRooms, useSend, useTyping } from "@parley-chat/react";
import { Profiler, StrictMode, useState, type ReactNode } from "react";
import { createRoot, type Root } from "react-dom/client";

declare global { interface Window { test: any } }

const renders: Record<string, number> = {};
const counts = { opened: 0, closed: 0 };

async function getToken(): Promise<string> {
  const headers = { "Content-Type": "application/json", "X-Parley-Page-Key": window.test.key };
  const response = await fetch("/dev/token", { method: "POST", headers, body: JSON.stringify({ sub: window.test.user, name: window.test.user }) });
  return (await response.json()).token;
}

// All windows of this page are counted where they are made.
const nobody = createClient({ url: location.origin, getToken: () => null });
const room = Object.getPrototypeOf(nobody.peek("any"));
nobody.destroy();
const { window: open } = room;
room.window = function (options: unknown) {
  const window = open.call(this, options);
  const { close } = window;
  counts.opened++;
  window.close = () => { counts.closed++; close.call(window); };
  return window;
};

// React calls it once for each time that something below it was rendered.
function Counted({ id, children }: { id: string; children: ReactNode }) {
  return <Profiler id={id} onRender={() => { renders[id] = (renders[id] ?? 0) + 1; }}>{children}</Profiler>;
}

const Messages = ({ room }: { room: string }) => <ol>{useMessages(room, { size: 200 }).items.map((item) => <li key={"id" in item ? item.id : item.seq}>{"body" in item ? item.body : ""}</li>)}</ol>;
const Typing = ({ room }: { room: string }) => <p id="typing">{useTyping(room).map(({ name }) => name).join()}</p>;
const Presence = ({ room }: { room: string }) => <p id="presence">{usePresence(room).users.map(({ name }) => name).sort().join()}</p>;
const Person = ({ id }: { id: string }) => <p id="person">{usePerson(id).name}</p>;
const Connection = () => <p id="connection">{useConnection().status.state}</p>;
const Title = ({ room }: { room: string }) => <p id="title">{useRoom(room).head}</p>;
const Rooms = () => <p id="rooms">{useRooms().rooms.map(({ id }) => id).join()}</p>;
const Composer = ({ room }: { room: string }) => { window.test.send = useSend(room).send; return <p />; };

function All() {
  const [room, go] = useState("tea");
  window.test.go = go;
  return (
    <>
      <Counted id="messages"><Messages room={room} /></Counted>
      <Counted id="typing"><Typing room={room} /></Counted>
      <Counted id="presence"><Presence room={room} /></Counted>
      <Counted id="person"><Person id="bob" /></Counted>
      <Counted id="connection"><Connection /></Counted>
      <Counted id="title"><Title room={room} /></Counted>
      <Counted id="rooms"><Rooms /></Counted>
      <Counted id="send"><Composer room={room} /></Counted>
    </>
  );
}

let root: Root;

window.test = {
  renders, counts, createClient, getToken, key: "", user: "",
  /** Shows all; without a client the provider makes one. */
  shows: (client?: Client) => {
    root = createRoot(document.getElementById("root")!);
    const provided = client ? { client } : { url: location.origin, getToken };
    root.render(<StrictMode><ParleyProvider {...provided}><All /></ParleyProvider></StrictMode>);
  },
  ends: () => root.unmount(),
};
