// All of it: the rooms, and the one that is open.
import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { Drafts } from "../composer/drafts.ts";
import { DeskContext } from "../desk/context.ts";
import type { Desk } from "../desk/desk.ts";
import { useSnapshot } from "../desk/store.ts";
import { Dialogs } from "../rooms/Dialogs.tsx";
import { RoomList } from "../rooms/RoomList.tsx";
import { Nothing } from "../states/Nothing.tsx";
import { Stopped } from "../states/Stopped.tsx";
import { Toasts } from "../ui/parts.tsx";
import { RoomView } from "./RoomView.tsx";

export function Chat({ desk, list }: { desk: Desk; list: boolean }): JSX.Element {
  const { room } = useSnapshot(desk.place);
  const { dir, theme } = useSnapshot(desk.appearance);
  const { status, me } = useSnapshot(desk.client);
  const gone = useSnapshot(desk.gone);
  const drafts = useMemo(() => new Drafts(desk.url, me?.id ?? ""), [me?.id]);
  const open = room !== undefined && !gone.has(room) ? room : undefined;
  const kind = ["parley", list && "listed", open && "opened"].filter(Boolean).join(" ");
  return (
    <DeskContext.Provider value={desk}>
      <div class={kind} part="base" dir={dir} lang={desk.words.lang} data-theme={theme || undefined}>
        {status.state === "stopped" ? <Stopped reason={status.reason} /> : (
          <>
            {list && <RoomList />}
            {open !== undefined && me ? <RoomView key={open} id={open} list={list} drafts={drafts} /> : <Nothing connecting={!me} list={list} />}
          </>
        )}
        <Dialogs />
        <Toasts />
      </div>
    </DeskContext.Provider>
  );
}
