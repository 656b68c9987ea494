// Finding messages, where the service has search.
import type { Hit, Room } from "@parley-chat/client";
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { useDesk, useWords } from "../desk/context.ts";

export function Search({ room }: { room: Room }): JSX.Element {
  const desk = useDesk();
  const t = useWords();
  const [q, setQ] = useState("");
  const [all, setAll] = useState(false);
  const [hits, setHits] = useState<readonly Hit[]>();
  const [next, setNext] = useState<string>();
  const [about, setAbout] = useState("");
  const turn = useRef(0);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), []);
  const look = async (cursor?: string) => {
    const mine = ++turn.current;
    if (!q.trim()) return;
    setAbout(t("searching"));
    try {
      const found = await desk.client.search(q.trim(), { ...(!all && { room: room.id }), ...(cursor && { cursor }) });
      if (mine !== turn.current) return;
      const shown = cursor ? [...(hits ?? []), ...found.hits] : found.hits;
      setHits(shown);
      setNext(found.next);
      setAbout(shown.length ? t("found", { n: shown.length }) : t("nothing"));
    } catch (thrown) {
      if (mine === turn.current) setAbout(t.fault(thrown));
    }
  };
  return (
    <>
      <form class="form" role="search" onSubmit={(event) => { event.preventDefault(); void look(); }}>
        <label><span class="unseen">{t("search.for")}</span><input ref={field} class="field" type="search" dir="auto" maxLength={200} placeholder={t("search.for")} value={q} onInput={(event) => setQ(event.currentTarget.value)} /></label>
        <label class="check"><input type="checkbox" checked={all} onChange={(event) => setAll(event.currentTarget.checked)} /><span>{t("search.all")}</span></label>
      </form>
      <p class="note" role="status">{about}</p>
      <ol class="hits">
        {hits?.map((hit) => (
          <li key={`${hit.room}/${hit.message.seq}`}>
            <button type="button" class="hit" onClick={() => desk.open(hit.room, hit.message.seq)}>
              <span class="hit-head"><bdi>{t.who(hit.message.author)}</bdi>{all && <bdi> · #{hit.room}</bdi>} · {t.ago(hit.message.at)}</span>
              <span class="hit-body" dir="auto">{marked(hit)}</span>
            </button>
          </li>
        ))}
      </ol>
      {next && <button type="button" class="text" onClick={() => void look(next)}>{t("more")}</button>}
    </>
  );
}

const AROUND = 60; // characters before the first mark

function marked({ message: { body }, marks }: Hit): (JSX.Element | string)[] {
  const from = Math.max(0, (marks[0]?.from ?? 0) - AROUND);
  const made: (JSX.Element | string)[] = [from > 0 ? "…" : ""];
  let at = from;
  for (const mark of marks) {
    if (mark.from < at || mark.from > from + 300) continue;
    made.push(body.slice(at, mark.from), <mark>{body.slice(mark.from, mark.to)}</mark>);
    at = mark.to;
  }
  made.push(body.slice(at, from + 300));
  return made;
}
