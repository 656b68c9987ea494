// A new room: a title is enough.
import type { ParleyError } from "@parley-chat/client";
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { useDesk, useWords } from "../desk/context.ts";
import { anyRoomId, isRoomId, toRoomId } from "./ids.ts";

const TRIES = 5;

export function Create({ name: begun }: { name: string }): JSX.Element {
  const desk = useDesk();
  const t = useWords();
  const [name, setName] = useState(begun);
  const [open, setOpen] = useState(true);
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState("");
  const create = async (event: Event) => {
    event.preventDefault();
    if (!name.trim() || busy) return;
    setBusy(true);
    setFault("");
    const base = isRoomId(toRoomId(name)) ? toRoomId(name) : anyRoomId();
    for (let turn = 1; ; turn++) {
      const id = turn === 1 ? base : `${base.slice(0, 60)}-${turn}`; // somebody else may have it, and it may be private
      try {
        await desk.client.createRoom({ room: id, name: name.trim(), public: open });
        desk.open(id);
        return;
      } catch (thrown) {
        if ((thrown as ParleyError).code === "conflict" && turn < TRIES) continue;
        setBusy(false);
        setFault(t.fault(thrown));
        return;
      }
    }
  };
  return (
    <form class="form" onSubmit={(event) => void create(event)}>
      <label>{t("room.name")}<input class="field" required maxLength={100} autofocus value={name} dir="auto" onInput={(event) => setName(event.currentTarget.value)} /></label>
      <label class="check"><input type="checkbox" checked={!open} onChange={(event) => setOpen(!event.currentTarget.checked)} /><span>{t("private")}<small>{t("private.about")}</small></span></label>
      <p class="fault" role="alert">{fault}</p>
      <div class="choices"><button type="submit" class="primary" disabled={busy || !name.trim()}>{t("create")}</button></div>
    </form>
  );
}
