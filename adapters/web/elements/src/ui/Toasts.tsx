import type { JSX } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { useDesk, useWords } from "../desk/context.ts";
import { useSnapshot } from "../desk/store.ts";

/**
 * Toasts stand below the room's head, and the banner of a lost connection: never over the composer. One that goes gives the focus back to
 * where it was.
 */
export function Toasts(): JSX.Element {
  const desk = useDesk();
  const t = useWords();
  const toasts = useSnapshot(desk.toasts);
  const { status } = useSnapshot(desk.client);
  const before = useRef<HTMLElement | null>(null);
  const within = useRef(false);
  useLayoutEffect(() => {
    if (!within.current || desk.root.activeElement) return;
    within.current = false;
    const back = before.current?.isConnected ? before.current : desk.root.querySelector<HTMLElement>(".scroll, .state-pane .primary, .find input");
    back?.focus({ preventScroll: true });
  }, [toasts]);
  return (
    <div class={status.state === "open" ? "toasts" : "toasts lower"} part="toasts" role="status"
      onFocusIn={({ currentTarget, relatedTarget }) => {
        within.current = true;
        if (relatedTarget instanceof HTMLElement && !currentTarget.contains(relatedTarget)) before.current = relatedTarget;
      }}
      onFocusOut={({ currentTarget, relatedTarget }) => { within.current = !relatedTarget || currentTarget.contains(relatedTarget as Node); }}>
      {toasts.map(({ key, text, undo }) => (
        <p class="toast" key={key}>
          <span>{text}</span>
          {undo && <button type="button" class="text" onClick={undo}>{t("undo")}</button>}
        </p>
      ))}
    </div>
  );
}
