// What is asked over all else: a new room, where to forward, what became of a message, a day, choices.
import type { JSX } from "preact";
import { useLayoutEffect, useState } from "preact/hooks";
import { goToDate } from "../desk/acts.ts";
import { useDesk, useWords } from "../desk/context.ts";
import { useSnapshot } from "../desk/store.ts";
import { Details } from "../message/Details.tsx";
import { Forward } from "../message/Forward.tsx";
import { keepFocus } from "../ui/focus.ts";
import { Modal } from "../ui/Modal.tsx";
import { Create } from "./Create.tsx";
import { Settings } from "./Settings.tsx";

export function Dialogs(): JSX.Element | null {
  const desk = useDesk();
  const t = useWords();
  const { dialog, room } = useSnapshot(desk.place);
  useLayoutEffect(() => keepFocus(desk), [desk]);
  if (!dialog) return null;
  const close = () => desk.ask(undefined);
  switch (dialog.is) {
    case "create": return <Modal title={t("create")} onClose={close}><Create name={dialog.name} /></Modal>;
    case "forward": return <Modal title={t("forward.to")} onClose={close}><Forward message={dialog.message} /></Modal>;
    case "details": return <Modal title={t("details")} onClose={close}>{room !== undefined && <Details room={desk.client.room(room)} message={dialog.message} />}</Modal>;
    case "settings": return <Modal title={t("settings")} onClose={close}><Settings /></Modal>;
    case "date": return <Modal title={t("to.date")} onClose={close}>{room !== undefined && <Day room={room} />}</Modal>;
  }
}

function Day({ room }: { room: string }): JSX.Element {
  const desk = useDesk();
  const t = useWords();
  const [day, setDay] = useState("");
  const go = (event: Event) => {
    event.preventDefault();
    if (!day) return;
    desk.ask(undefined);
    void goToDate(desk, desk.client.room(room), new Date(`${day}T00:00`));
  };
  return (
    <form class="form" onSubmit={go}>
      <label>{t("day")}<input class="field" type="date" required autofocus value={day} onInput={(event) => setDay(event.currentTarget.value)} /></label>
      <div class="choices"><button type="submit" class="primary">{t("go")}</button></div>
    </form>
  );
}
