// All of it: the rooms, and the one that is open.
import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { Drafts } from "../composer/drafts.ts";
import { DeskContext } from "../desk/context.ts";
import type { Desk } from "../desk/desk.ts";
import { useSnapshot } from "../desk/store.ts";
import { useMore } from "../lazy/load.ts";
import { RoomList } from "../rooms/RoomList.tsx";
import { Nothing } from "../states/Nothing.tsx";
import { RoomView } from "./RoomView.tsx";

export function Chat({ desk, list }: { desk: Desk; list: boolean }): JSX.Element {
  const { room, dialog } = useSnapshot(desk.place);
  const { dir, theme } = useSnapshot(desk.appearance);
  const { status, me } = useSnapshot(desk.client);
  const gone = useSnapshot(desk.gone);
  const more = useMore(dialog !== undefined || status.state === "stopped");
  const drafts = useMemo(() => new Drafts(desk.url, me?.id ?? ""), [me?.id]);
  const open = room !== undefined && !gone.has(room) ? room : undefined;
  const kind = ["parley", list && "listed", open && "opened"].filter(Boolean).join(" ");
  return (
    <DeskContext.Provider value={desk}>
      <div class={kind} part="base" dir={dir} lang={desk.words.lang} data-theme={theme || undefined}>
        {status.state === "stopped" ? more && <more.Stopped reason={status.reason} /> : (
          <>
            {list && <RoomList />}
            {open !== undefined && me ? <RoomView key={open} id={open} list={list} drafts={drafts} /> : <Nothing connecting={!me} list={list} />}
          </>
        )}
        {more && <more.Dialogs />}
        {more && <more.Toasts />}
      </div>
    </DeskContext.Provider>
  );
}
