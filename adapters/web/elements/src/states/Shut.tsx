// A room that one is not in any more, or may not see.
import type { ParleyError, RoomSnapshot } from "@parley-chat/client";
import type { JSX } from "preact";
import { useDesk, useWords } from "../desk/context.ts";
import { Icon } from "../ui/icons.tsx";

export function Shut({ room, error, list }: { room: RoomSnapshot; error: ParleyError; list: boolean }): JSX.Element {
  const desk = useDesk();
  const t = useWords();
  const missing = error.code === "not_found" && room.head === 0; // else I was there
  return (
    <section class="state-pane room" part="state" role="status">
      <Icon name="lock" />
      <h2 tabIndex={-1}>{t(missing ? "shut.missing" : "shut", { room: room.name || room.id })}</h2>
      <p>{t(missing ? "shut.missing.about" : "shut.about")}</p>
      {list && <button type="button" class="primary" onClick={() => desk.open(undefined)}>{t("rooms")}</button>}
    </section>
  );
}
