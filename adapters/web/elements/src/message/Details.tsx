// Who reacted to a message, and who has read it.
import type { Message, Room } from "@parley-chat/client";
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { useDesk, useWords } from "../desk/context.ts";
import { useSnapshot } from "../desk/store.ts";
import { Face, Name } from "../ui/parts.tsx";

export function Details({ room, message }: { room: Room; message: Message }): JSX.Element {
  const desk = useDesk();
  const t = useWords();
  const { marks } = useSnapshot(room);
  useSnapshot(desk.client);
  const [who, setWho] = useState<ReadonlyMap<string, readonly string[]>>();
  const [fault, setFault] = useState("");
  useEffect(() => {
    if (message.reactions.length === 0) return;
    room.reactors(message.seq).then(setWho, (thrown) => setFault(t.fault(thrown)));
  }, [message]);
  const readers = [...marks].filter(([user, seq]) => seq >= message.seq && user !== message.author.id).map(([user]) => user);
  return (
    <div class="form">
      <p class="note">{t.moment(message.at)}{message.editedAt && <> · {t("edited")} {t.moment(message.editedAt)}</>}</p>
      {message.reactions.map(({ emoji, count }) => (
        <section key={emoji}>
          <h3><bdi class="glyph">{emoji}</bdi> {count}</h3>
          <People ids={who?.get(emoji) ?? []} />
        </section>
      ))}
      {message.reactions.length > 0 && !who && <p class="note" role="status">{fault || t("loading")}</p>}
      <section>
        <h3>{t("read.by")}</h3>
        {readers.length ? <People ids={readers} /> : <p class="note">{t("read.none")}</p>}
      </section>
    </div>
  );
}

function People({ ids }: { ids: readonly string[] }): JSX.Element {
  const { client } = useDesk();
  return <ul class="people">{ids.map((id) => <li key={id}><Face small id={id} name={client.name(id)} /><Name>{client.name(id)}</Name></li>)}</ul>;
}
