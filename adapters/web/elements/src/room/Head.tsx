// The head of a room: what it is called, who is there, and what may be done with it.
import type { Room, RoomSnapshot } from "@parley-chat/client";
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { useDesk, useWords } from "../desk/context.ts";
import { useSnapshot } from "../desk/store.ts";
import { useMore } from "../lazy/load.ts";
import { unturned } from "../message/markdown.ts";
import { Icon } from "../ui/icons.tsx";
import { Avatar, IconButton, Name } from "../ui/parts.tsx";

export function Head({ room, state, list }: { room: Room; state: RoomSnapshot; list: boolean }): JSX.Element {
  const desk = useDesk();
  const t = useWords();
  const { panel } = useSnapshot(desk.place);
  const { muted } = useSnapshot(desk.prefs);
  const [menu, setMenu] = useState<Element>();
  const name = state.name || state.id;
  const mutes = muted.includes(room.id);
  const more = useMore(Boolean(menu));
  return (
    <header class="head" part="header">
      {list && <IconButton icon="back" class="back" label={t("rooms")} onClick={() => desk.open(undefined)} />}
      <Avatar id={room.id} name={name} picture={state.avatar} />
      <div class="titles">
        <h2 tabIndex={-1}><Name>{name}</Name>{!state.public && <span title={t("private")}><Icon name="lock" /></span>}{mutes && <span title={t("muted")}><Icon name="mute" /></span>}</h2>
        <p dir="auto">{state.topic ? unturned(state.topic) : (state.joined && state.present.total > 0 ? t("here", { n: state.present.total }) : "")}</p>
      </div>
      {desk.may("search") && <IconButton icon="search" label={t("search")} pressed={panel === "search"} onClick={() => desk.show("search")} />}
      <IconButton icon="people" class="wide" label={t("people")} pressed={panel === "people"} onClick={() => desk.show("people")} />
      <IconButton icon="more" label={t("room.more")} menu expanded={Boolean(menu)} onClick={(event) => setMenu(event.currentTarget as Element)} />
      {menu && more && <more.RoomMenu room={room} state={state} near={menu} onClose={() => setMenu(undefined)} />}
    </header>
  );
}
