import type { Room, RoomSnapshot } from "@parley-chat/client";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { useDesk, useWords } from "../desk/context.ts";
import { plain } from "../message/markdown.ts";

export function Pins({ room, state }: { room: Room; state: RoomSnapshot }): JSX.Element {
  const desk = useDesk();
  const t = useWords();
  useEffect(() => {
    room.loadPins().catch((thrown) => desk.fail(thrown));
  }, [room]);
  return (
    <>
      {state.pins?.length === 0 && <p class="note">{t("pins.none")}</p>}
      <ol class="hits">
        {state.pins?.map((message) => (
          <li key={message.seq}>
            <button type="button" class="hit" onClick={() => desk.open(room.id, message.seq)}>
              <span class="hit-head"><bdi>{t.who(message.author)}</bdi> · {t.ago(message.at)}</span>
              <span class="hit-body" dir="auto">{plain(message.body)}</span>
            </button>
          </li>
        ))}
      </ol>
    </>
  );
}
