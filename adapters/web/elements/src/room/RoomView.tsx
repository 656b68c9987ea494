// A room: its head, its messages, and where one writes.
import type { Message, Room, Window, WindowSnapshot } from "@parley-chat/client";
import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { Attention } from "../attention/attention.ts";
import { Composer } from "../composer/Composer.tsx";
import type { Drafts } from "../composer/drafts.ts";
import { useDesk, useWords } from "../desk/context.ts";
import { isGone } from "../desk/desk.ts";
import { useSnapshot } from "../desk/store.ts";
import type { Talk } from "../message/talk.ts";
import { Timeline } from "../timeline/Timeline.tsx";
import { Head } from "./Head.tsx";
import { useMore } from "../lazy/load.ts";
import { Typing } from "./Typing.tsx";
import { useQuotes } from "./quotes.ts";

const SIZE = 50;
const KEEP = 150; // with the days between them they are fewer than 400 rows

export function RoomView({ id, list, drafts }: { id: string; list: boolean; drafts: Drafts }): JSX.Element {
  const desk = useDesk();
  const t = useWords();
  const place = useSnapshot(desk.place);
  const gone = useSnapshot(desk.gone);
  const room = useMemo(() => desk.client.room(id), [id]);
  const start = useRef(place.at?.seq);
  const window = useMemo<Window>(() => room.window({ around: start.current ?? "unread", size: SIZE, keep: KEEP }), [room]);
  useEffect(() => () => window.close(), [window]);
  useEffect(() => { if (list) void desk.opened.list(id); }, [id]);
  const state = useSnapshot(room);
  const shown = useHeld(window);
  const quotes = useQuotes(room, shown);
  const line = useLine(room, window);
  const names = useSnapshot(desk.client);
  const more = useMore(shown.ready || names.status.state === "waiting" || place.panel !== undefined || state.error !== undefined);
  const composer = useRef<Composer>(null);
  const timeline = useRef<Timeline>(null);

  useEffect(() => {
    const seq = place.at?.seq;
    if (seq === undefined || seq === start.current) {
      start.current = undefined;
      return;
    }
    const { items, ready } = window.getSnapshot();
    if (!ready || !(items.some((item) => item.seq === seq))) void window.goTo(seq);
  }, [place.at]);

  // Where the list gives place to the room, what had the focus is gone.
  useLayoutEffect(() => {
    const now = desk.root.activeElement;
    if (now && !now.checkVisibility()) desk.root.querySelector<HTMLElement>(".head h2")?.focus();
  }, [id]);

  const talk = useMemo<Talk>(() => ({
    goTo: (seq) => desk.open(id, seq),
    reply: (message) => composer.current?.reply(message),
    edit: (message) => composer.current?.edit(message),
  }), [id]);
  const message = (seq: number): Message | undefined => window.message(seq) ?? quotes.get(seq) ?? undefined;
  const turn = useMemo(() => ({}), [names, t, state.role, state.archived]);

  const { error } = state;
  if (isGone(error)) return more ? <more.Shut room={state} error={error!} list={list} /> : <section class="room" />;
  const reads = state.role === "read" || state.archived;
  return (
    <section class="room" part="room" aria-label={state.name || id}>
      <Head room={room} state={state} list={list} />
      <div class="main">
        <div class="talk">
          {more && <more.Banner />}
          <Timeline handle={timeline} desk={desk} room={room} window={window} shown={shown} state={state} line={line} at={place.at} gone={gone} quotes={quotes} talk={talk} turn={turn} />
          <Typing state={state} />
          {reads ? <p class="reads" part="composer">{t(state.archived ? "archived" : "read.only")}</p> : (
            <Composer key={id} handle={composer} desk={desk} room={room} state={state} drafts={drafts} message={message}
              lastOwn={() => lastOwn(window, desk.client.getSnapshot().me?.id)} sent={() => timeline.current?.toEnd()}
              toTimeline={() => desk.root.querySelector<HTMLElement>(".scroll")?.focus()} />
          )}
          {more && <more.Announcer shown={shown} />}
        </div>
        {more && <more.Panel room={room} state={state} />}
      </div>
    </section>
  );
}

// While it goes to another place, a window has nothing to show: what there was stays until it is there.
// Before the first place, what is unsent is shown.
function useHeld(window: Window) {
  const now = useSnapshot(window, begins);
  const held = useRef({ window, now });
  if (held.current.window !== window || now.ready || now.error || (!held.current.now.ready && !now.items[0]?.seq)) held.current = { window, now };
  return held.current.now;
}

// That a page is asked for shows nothing.
const begins = (before: WindowSnapshot, { items, loading }: WindowSnapshot) => items === before.items && (loading.older || loading.newer);

// The line before what is new: where my mark stood when the room was opened, or when I looked away.
function useLine(room: Room, window: Window): number {
  const [line, setLine] = useState(0);
  const { divider } = useSnapshot(window, (before, now) => before.divider === now.divider);
  useEffect(() => { if (divider) setLine(divider); }, [divider]);
  useEffect(() => {
    let left = 0; // the last entry that was there for who looked away; 0 while somebody looks
    const look = () => {
      const { read, unread, head } = room.getSnapshot();
      if (Attention.looks) left = 0;
      else left ||= unread > 0 ? read : head; // a moment ago all was seen, though it is not marked yet
    };
    const came = () => {
      const { unread, head } = room.getSnapshot();
      if (left > 0 && unread > 0 && head > left) {
        const seen = left;
        setLine((before) => Math.max(before, seen));
        left = -1; // the line stands at the first of them
      }
    };
    look();
    addEventListener("blur", look);
    addEventListener("focus", look);
    document.addEventListener("visibilitychange", look);
    const end = room.subscribe(came);
    return () => {
      removeEventListener("blur", look);
      removeEventListener("focus", look);
      document.removeEventListener("visibilitychange", look);
      end();
    };
  }, [room]);
  return line;
}

function lastOwn(window: Window, me: string | undefined): Message | undefined {
  const { items } = window.getSnapshot();
  return items.findLast((item): item is Message => item.type === "message" && item.author.id === me && item.seq > 0 && !item.deletedAt);
}
