import type { JSX } from "preact";
import { useDesk, useWords } from "../desk/context.ts";
import { useSnapshot } from "../desk/store.ts";

/** Toasts stand below the room's head: never over the composer. */
export function Toasts(): JSX.Element {
  const desk = useDesk();
  const t = useWords();
  const toasts = useSnapshot(desk.toasts);
  return (
    <div class="toasts" part="toasts" role="status">
      {toasts.map(({ key, text, undo }) => (
        <p class="toast" key={key}>
          <span>{text}</span>
          {undo && <button type="button" class="text" onClick={undo}>{t("undo")}</button>}
        </p>
      ))}
    </div>
  );
}
