// Beside the messages: people, search, pins.
import type { Room, RoomSnapshot } from "@parley-chat/client";
import type { JSX } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { useDesk, useWords } from "../desk/context.ts";
import { useSnapshot } from "../desk/store.ts";
import { People } from "./People.tsx";
import { Pins } from "./Pins.tsx";
import { Search } from "./Search.tsx";
import { IconButton } from "../ui/parts.tsx";

export function Panel({ room, state }: { room: Room; state: RoomSnapshot }): JSX.Element | null {
  const desk = useDesk();
  const t = useWords();
  const { panel } = useSnapshot(desk.place);
  const head = useRef<HTMLHeadingElement>(null);
  const before = useRef<HTMLElement | null>(null);
  useLayoutEffect(() => { // before what is in it takes the focus
    if (panel) {
      before.current = desk.root.activeElement as HTMLElement | null;
      if (panel !== "search") head.current?.focus();
    } else if (before.current?.isConnected) before.current.focus();
  }, [panel]);
  if (!panel) return null;
  return (
    <aside class="aside" part="panel" aria-label={t(panel)} onKeyDown={(event) => {
      if (event.key !== "Escape" || event.defaultPrevented) return;
      event.preventDefault();
      desk.show(undefined);
    }}>
      <header><h2 ref={head} tabIndex={-1}>{t(panel)}</h2><IconButton icon="close" label={t("close")} onClick={() => desk.show(undefined)} /></header>
      <div class="inner">
        {panel === "people" && <People room={room} state={state} />}
        {panel === "search" && <Search room={room} />}
        {panel === "pins" && <Pins room={room} state={state} />}
      </div>
    </aside>
  );
}
