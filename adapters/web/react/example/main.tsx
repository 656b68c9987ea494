// A whole chat: sign in, a list of rooms, one of them with its messages, and who types there.
import { ParleyProvider, useConnection, useMessages, useRoom, useRooms, useSend, useTyping } from "@parley-chat/react";
import { StrictMode, useState, type FormEvent } from "react";
import { createRoot } from "react-dom/client";

// Tokens of development mode. An application's own back end makes them from its session.
async function developmentToken(name: string): Promise<string> {
  const headers = { "Content-Type": "application/json", "X-Parley-Page-Key": new URLSearchParams(location.search).get("key") ?? "" };
  const response = await fetch("/dev/token", { method: "POST", headers, body: JSON.stringify({ sub: name, name }) });
  return (await response.json()).token;
}

// What was written in the form's only field, which is empty then.
function taken(event: FormEvent<HTMLFormElement>): string {
  event.preventDefault();
  const text = String(new FormData(event.currentTarget).get("text")).trim();
  event.currentTarget.reset();
  return text;
}

function Rooms({ open }: { open: (room: string) => void }) {
  const { rooms } = useRooms();
  return <nav>{rooms.map(({ id, name, unread }) => <button key={id} onClick={() => open(id)}>{name || id} {unread || ""}</button>)}</nav>;
}

function Typing({ room }: { room: string }) {
  const people = useTyping(room);
  return <p role="status">{people.length > 0 && `${people.map(({ name }) => name).join(", ")} …`}</p>;
}

function Room({ id }: { id: string }) {
  const { name, error } = useRoom(id);
  const { items, hasOlder, older } = useMessages(id);
  const { send, retry, typing } = useSend(id);
  return (
    <main>
      <h1>{name || id}</h1>
      {error && <p role="alert">{error.message}</p>}
      {hasOlder && <button onClick={older}>Older</button>}
      <ol>{items.map((item) => item.type === "message" && (
        <li key={item.id} data-state={item.state}>
          <b>{item.author.name}</b> {item.deletedAt ? <i>deleted</i> : item.body}
          {item.failed !== undefined && <button onClick={() => retry(item.failed!)}>Retry</button>}
        </li>
      ))}</ol>
      <Typing room={id} />
      <form onSubmit={(event) => { const text = taken(event); if (text) send(text); }}>
        <input name="text" aria-label="Message" autoComplete="off" onChange={() => typing()} />
      </form>
    </main>
  );
}

function Chat() {
  const [room, open] = useState("general");
  const { status } = useConnection();
  return <><p>{status.state}</p><Rooms open={open} /><Room id={room} /></>;
}

function App() {
  const [name, signIn] = useState("");
  if (!name) return <form onSubmit={(event) => signIn(taken(event))}><input name="text" aria-label="Your name" /></form>;
  return <ParleyProvider url={location.origin} getToken={() => developmentToken(name)}><Chat /></ParleyProvider>;
}

createRoot(document.getElementById("root")!).render(<StrictMode><App /></StrictMode>);
