// My rooms: those first in which something happened last.
import type { RoomSnapshot } from "@parley-chat/client";
import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { useDesk, useWords } from "../desk/context.ts";
import { useSnapshot } from "../desk/store.ts";
import { load, moreNow, useMore } from "../lazy/load.ts";
import { plain } from "../message/markdown.ts";
import { Connection } from "../states/Connection.tsx";
import { Icon } from "../ui/icons.tsx";
import { Avatar, Face, IconButton, mark, Name } from "../ui/parts.tsx";

const MOST = 999;

export function RoomList(): JSX.Element {
  const desk = useDesk();
  const t = useWords();
  const { rooms, ready, loading, hasMore, error } = useSnapshot(desk.client.rooms);
  const gone = useSnapshot(desk.gone);
  const { me, status } = useSnapshot(desk.client);
  const { room: open } = useSnapshot(desk.place);
  const [text, setText] = useState("");
  const list = useRef<HTMLUListElement>(null);
  const before = useRef(open);
  useLayoutEffect(() => {
    // Back in the list, where that took the place of the room: at the room that was open.
    if (open === undefined && before.current && !desk.root.activeElement) list.current?.querySelector<HTMLElement>(`[data-room="${CSS.escape(before.current)}"]`)?.focus();
    before.current = open;
  }, [open]);
  useEffect(() => { if (me) desk.opened.again(); }, [me?.id]);
  const wanted = text.trim().toLowerCase();
  const shown = rooms.filter(({ id, name }) => !gone.has(id) && (!wanted || id.includes(wanted) || name.toLowerCase().includes(wanted)));
  useMore(wanted !== "" || error !== undefined);
  const named = () => {
    const more = moreNow();
    const id = more?.toRoomId(wanted) ?? "";
    return more?.isRoomId(id) && !rooms.some((room) => room.id === id) ? id : undefined;
  };
  const other = named();
  const go = (room: string | undefined) => {
    if (!room) return;
    setText("");
    desk.open(room);
  };
  return (
    <nav class="rooms-pane" part="rooms" aria-label={t("rooms")}>
      <header class="rooms-head">
        <slot name="title"><h1>{t("chats")}</h1></slot>
        <IconButton icon="plus" label={t("create")} part="create" onClick={() => desk.ask({ is: "create", name: "" })} />
      </header>
      <form class="find" role="search" onSubmit={(event) => { event.preventDefault(); if (shown[0]) go(shown[0].id); else void load().then(() => go(named())); }}>
        <Icon name="search" />
        <input type="search" value={text} aria-label={t("rooms.find")} placeholder={t("rooms.find")} autocomplete="off" spellcheck={false} maxLength={64}
          onInput={(event) => setText(event.currentTarget.value)} />
      </form>
      <ul ref={list} class="rooms" aria-busy={!ready}>
        {shown.map((room) => <li key={room.id}><Entry room={room} open={room.id === open} me={me?.id} onOpen={() => { setText(""); desk.open(room.id); }} /></li>)}
        {!ready && !error && status.state !== "waiting" && [0, 1, 2].map((at) => <li key={at} class="bone-room" aria-hidden="true"><span class="avatar" /><span class="bone" /></li>)}
        {ready && wanted === "" && shown.length === 0 && <li class="note">{t("rooms.none")}</li>}
        {wanted !== "" && other && (
          <>
            <li><button type="button" class="other" onClick={() => go(other)}><Icon name="chat" /><span>{t("room.open", { room: other })}</span></button></li>
            <li><button type="button" class="other" onClick={() => { desk.ask({ is: "create", name: text.trim() }); setText(""); }}><Icon name="plus" /><span>{t("create.named", { name: text.trim() })}</span></button></li>
          </>
        )}
        {error && <li class="note fault">{t.fault(error)}</li>}
        {hasMore && !wanted && <li><button type="button" class="text" disabled={loading} onClick={() => void desk.client.rooms.more()}>{t("rooms.more")}</button></li>}
      </ul>
      <footer class="account" part="account">
        {me && <Face small id={me.id} name={me.name || me.id} />}
        <p class="me"><Name>{me?.name || me?.id || ""}</Name><Connection /></p>
        <IconButton icon="cog" label={t("settings")} onClick={() => desk.ask({ is: "settings" })} />
        <slot name="account" />
      </footer>
    </nav>
  );
}

function Entry({ room, open, me, onOpen }: { room: RoomSnapshot; open: boolean; me: string | undefined; onOpen: () => void }): JSX.Element {
  const desk = useDesk();
  const t = useWords();
  const { muted } = useSnapshot(desk.prefs);
  const { id, last, unread, typing, activeAt } = room;
  const name = room.name || id;
  const quiet = muted.includes(id);
  const what = !last ? t("room.quiet") : last.deletedAt ? t("deleted") : plain(last.body);
  return (
    <button type="button" class={unread ? "entry new" : "entry"} part={open ? "room-entry current" : "room-entry"} aria-current={open ? "page" : undefined} data-room={id} onClick={onOpen}>
      <Avatar id={id} name={name} picture={room.avatar} />
      <span class="lines">
        <span class="line-one"><Name>{name}</Name>{!room.public && <Icon name="lock" />}{quiet && <Icon name="mute" />}
          {last && last.state !== "sent" && mark(last.state === "failed" ? "alert" : "clock", t(last.state))}<time>{activeAt ? t.ago(activeAt) : ""}</time></span>
        <span class="line-two">
          {typing.length > 0 ? <span class="preview typing-now">{t("typing.short")}</span> : (
            <span class="preview" dir="auto">{last && !last.deletedAt && <bdi class="by">{last.author.id === me ? t("you") : t.who(last.author)}: </bdi>}<bdi>{what}</bdi></span>
          )}
          {unread > 0 && <span class={quiet ? "badge quiet" : "badge"} part="badge" aria-label={t("unread", { n: unread })}>{unread >= MOST ? `${MOST}+` : unread}</span>}
        </span>
      </span>
    </button>
  );
}
