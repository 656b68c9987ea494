// Says in another room what was said in this one.
import type { Message } from "@parley-chat/client";
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { useDesk, useWords } from "../desk/context.ts";
import { useSnapshot } from "../desk/store.ts";
import { Avatar, Name } from "../ui/parts.tsx";

export function Forward({ message }: { message: Message }): JSX.Element {
  const desk = useDesk();
  const t = useWords();
  const { rooms } = useSnapshot(desk.client.rooms);
  const [text, setText] = useState("");
  const wanted = text.trim().toLowerCase();
  const shown = rooms.filter(({ id, name, role, archived }) => role !== "read" && !archived && (!wanted || id.includes(wanted) || name.toLowerCase().includes(wanted)));
  const send = (id: string) => {
    try {
      const meta = { forwarded: desk.words.who(message.author) };
      desk.client.room(id).send(message.body, { meta });
      desk.ask(undefined);
      desk.say(t("forward.done", { room: desk.client.room(id).getSnapshot().name || id }));
    } catch (thrown) {
      desk.fail(thrown);
    }
  };
  return (
    <form class="form" onSubmit={(event) => { event.preventDefault(); if (wanted && shown[0]) send(shown[0].id); }}>
      <input class="field" type="search" autofocus aria-label={t("rooms.find")} placeholder={t("rooms.find")} value={text} onInput={(event) => setText(event.currentTarget.value)} />
      <ul class="people">
        {shown.map(({ id, name, avatar }) => <li key={id}><button type="button" class="hit" onClick={() => send(id)}><Avatar small id={id} name={name || id} picture={avatar} /><Name>{name || id}</Name></button></li>)}
      </ul>
      {shown.length === 0 && <p class="note">{t("nothing")}</p>}
    </form>
  );
}
