import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { useDesk, useWords } from "../desk/context.ts";
import { IconButton } from "./parts.tsx";

/** A dialog over all. Esc and the cross close it; focus goes back to where it was. */
export function Modal({ title, onClose, children }: { title: string; onClose: () => void; children: ComponentChildren }): JSX.Element {
  const ref = useRef<HTMLDialogElement>(null);
  const desk = useDesk();
  const t = useWords();
  useEffect(() => {
    const before = desk.root.activeElement as HTMLElement | null;
    ref.current?.showModal();
    return () => before?.isConnected && before.focus();
  }, []);
  return (
    <dialog ref={ref} class="modal" part="dialog" aria-label={title} onClose={onClose}
      onClick={(event) => { if (event.target === ref.current) onClose(); }}>
      <header>
        <h2>{title}</h2>
        <IconButton icon="close" label={t("close")} onClick={onClose} />
      </header>
      {children}
    </dialog>
  );
}
