// A bubble with a count, and the panel that it opens.
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Desk } from "../desk/desk.ts";
import { useSnapshot } from "../desk/store.ts";
import { Icon } from "../ui/icons.tsx";
import { Chat } from "./Chat.tsx";

const MOST = 99;

export function Button({ desk, list }: { desk: Desk; list: boolean }): JSX.Element {
  const [open, setOpen] = useState(false);
  const bubble = useRef<HTMLButtonElement>(null);
  const { dir, theme } = useSnapshot(desk.appearance);
  useSnapshot(desk.client.rooms);
  useSnapshot(desk.prefs);
  const t = desk.words;
  const { total } = desk.attention;
  const panel = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (open) panel.current?.focus();
  }, [open]);
  const close = () => {
    setOpen(false);
    bubble.current?.focus();
  };
  return (
    <div class="floating" dir={dir} data-theme={theme || undefined}>
      {open && (
        <div ref={panel} class="panel" part="panel" role="dialog" aria-label={t("chat")} tabIndex={-1} id="panel"
          onKeyDown={(event) => { if (event.key === "Escape" && !event.defaultPrevented) close(); }}>
          <Chat desk={desk} list={list} />
        </div>
      )}
      <button ref={bubble} type="button" class="bubble-button" part="button" aria-expanded={open} aria-controls={open ? "panel" : undefined}
        aria-label={total > 0 ? `${t("chat")}, ${t("unread", { n: total })}` : t("chat")} onClick={() => (open ? close() : setOpen(true))}>
        <Icon name={open ? "close" : "chat"} />
        {!open && total > 0 && <span class="badge" part="badge">{total > MOST ? `${MOST}+` : total}</span>}
      </button>
    </div>
  );
}
