// Messages that are answered and not loaded: they are fetched, each once.
import type { Message, Room, WindowSnapshot } from "@parley-chat/client";
import { useEffect, useRef, useState } from "preact/hooks";

const AT_ONCE = 20;

/** By place; null: there is none, or it may not be read. */
export function useQuotes(room: Room, { items, ready }: WindowSnapshot): ReadonlyMap<number, Message | null> {
  const [quotes, setQuotes] = useState<ReadonlyMap<number, Message | null>>(new Map());
  const asked = useRef(new Set<number>());
  useEffect(() => {
    if (!ready) return;
    const loaded = new Set(items.map(({ seq }) => seq));
    const wanted = items.flatMap((item) => (item.type === "message" && item.replyTo ? [item.replyTo] : []))
      .filter((seq) => !loaded.has(seq) && !asked.current.has(seq));
    for (const seq of [...new Set(wanted)].slice(-AT_ONCE)) {
      asked.current.add(seq);
      room.message(seq).then(
        (message) => setQuotes((before) => new Map(before).set(seq, message ?? null)),
        () => asked.current.delete(seq),
      );
    }
  }, [items]);
  return quotes;
}
