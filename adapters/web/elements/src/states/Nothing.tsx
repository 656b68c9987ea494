// No room is open: what one can do, with one clear button.
import type { JSX } from "preact";
import { useDesk, useWords } from "../desk/context.ts";
import { useSnapshot } from "../desk/store.ts";
import { Connection } from "./Connection.tsx";
import { Icon } from "../ui/icons.tsx";

export function Nothing({ connecting, list }: { connecting: boolean; list: boolean }): JSX.Element {
  const desk = useDesk();
  const t = useWords();
  const { rooms, ready } = useSnapshot(desk.client.rooms);
  const suggested = desk.host.getAttribute("suggest") ?? "general";
  if (connecting || (list && !ready)) {
    return <section class="state-pane idle" part="state"><p class="spinner" role="status"><Connection /></p></section>;
  }
  const first = rooms.length === 0;
  return (
    <section class="state-pane idle" part="state">
      <slot name="empty">
        <Icon name="mark" />
        <h2>{t(first ? "first" : "pick")}</h2>
        <p>{t(first ? "first.about" : "pick.about")}</p>
        {first && <div class="example" aria-hidden="true"><p class="bubble">{t("first.one")}</p><p class="bubble own">{t("first.two")}</p></div>}
        {first || !list ? <button type="button" class="primary" onClick={() => desk.open(suggested)}>{t("room.open", { room: suggested })}</button>
          : <button type="button" class="primary" onClick={() => desk.ask({ is: "create", name: "" })}>{t("create")}</button>}
      </slot>
    </section>
  );
}
