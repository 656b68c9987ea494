// Tells screen readers what is new, and does not shout: one line a second at most.
import type { WindowSnapshot } from "@parley-chat/client";
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { useDesk, useWords } from "../desk/context.ts";
import { plain } from "../message/markdown.ts";

const EVERY = 1_000; // ms

export function Announcer({ shown }: { shown: WindowSnapshot }): JSX.Element {
  const { client } = useDesk();
  const t = useWords();
  const [text, setText] = useState("");
  const last = useRef(0); // the newest that was told, or needs no telling
  const due = useRef<string[]>([]);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => {
    if (!shown.ready || !shown.live) return;
    const { me } = client.getSnapshot();
    const newest = shown.items.findLast(({ seq }) => seq > 0)?.seq ?? 0;
    const began = last.current === 0;
    for (const item of began ? [] : shown.items) {
      if (item.type === "message" && item.seq > last.current && item.author.id !== me?.id) due.current.push(`${t.who(item.author)}: ${plain(item.body).slice(0, 200)}`);
    }
    last.current = Math.max(last.current, newest, 1);
    if (due.current.length === 0 || timer.current !== undefined) return;
    const tell = () => {
      const all = due.current.splice(0);
      timer.current = undefined;
      if (all.length === 0) return;
      setText(all.length > 2 ? t("announce.many", { n: all.length }) : all.join(" "));
      timer.current = setTimeout(tell, EVERY);
    };
    tell();
  }, [shown]);
  useEffect(() => () => clearTimeout(timer.current), []);
  return <p class="unseen" role="log" aria-live="polite" aria-label={t("announce")}>{text}</p>;
}
