// Small things that all are made of.
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { useDesk, useWords } from "../desk/context.ts";
import { useSnapshot } from "../desk/store.ts";
import { Icon, type IconName } from "./icons.tsx";

/** A button that has a picture and a name. */
export function IconButton({ icon, label, onClick, pressed, part, class: kind = "", disabled = false, expanded, menu = false }: {
  icon: IconName; label: string; onClick: (event: MouseEvent) => void; pressed?: boolean | undefined; part?: string; class?: string; disabled?: boolean;
  expanded?: boolean | undefined; menu?: boolean;
}): JSX.Element {
  return (
    <button type="button" class={`tool ${kind}`} part={part} title={label} aria-label={label} aria-pressed={pressed} disabled={disabled}
      aria-expanded={expanded} aria-haspopup={menu ? "menu" : undefined} onClick={onClick}>
      <Icon name={icon} />
    </button>
  );
}

/** A number of its own for each id, so that people and rooms can be told apart. */
export function hue(id: string): number {
  let sum = 7;
  for (const char of id) sum = (sum * 31 + char.codePointAt(0)!) % 360;
  return sum;
}

export function initials(name: string): string {
  const words = name.normalize("NFC").replace(/\p{M}+|\p{C}+/gu, "").split(/[\s._:-]+/).filter(Boolean);
  const letters = words.length > 1 ? [words[0]!, words.at(-1)!] : words;
  return letters.map((word) => [...word][0]!.toUpperCase()).join("") || "?";
}

export function Avatar({ id, name, small = false }: { id: string; name: string; small?: boolean }): JSX.Element {
  const tint = (element: HTMLElement | null) => void element?.style.setProperty("--hue", String(hue(id)));
  return <span class={small ? "avatar small" : "avatar"} part="avatar" aria-hidden="true" ref={tint}>{initials(name)}</span>;
}

/** A name of somebody's choosing: it is isolated, so that it turns nobody's line, and clipped. */
export function Name({ children }: { children: string }): JSX.Element {
  return <bdi class="name">{children}</bdi>;
}

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

export interface Choice {
  readonly icon: IconName;
  readonly label: string;
  readonly danger?: boolean;
  act(): void;
}

/** A menu near where it was asked for. Arrows, Home, End and Esc do what they do in menus. */
export function Menu({ label, choices, near, onClose, children }: {
  label: string; choices: readonly Choice[]; near: Element; onClose: () => void; children?: ComponentChildren;
}): JSX.Element {
  const ref = useRef<HTMLDivElement>(null);
  const desk = useDesk();
  useEffect(() => {
    const menu = ref.current!;
    const before = desk.root.activeElement as HTMLElement | null;
    menu.showPopover();
    put(menu, near);
    menu.querySelector("button")?.focus();
    return () => {
      const now = desk.root.activeElement;
      if (before?.isConnected && (!now || now === desk.root.host)) before.focus();
    };
  }, []);
  const keys = (event: KeyboardEvent) => {
    const buttons = [...ref.current!.querySelectorAll<HTMLButtonElement>("button")];
    const at = buttons.indexOf(desk.root.activeElement as HTMLButtonElement);
    const turn = getComputedStyle(ref.current!).direction === "rtl" ? -1 : 1;
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, ArrowRight: at + turn, ArrowLeft: at - turn, Home: 0, End: buttons.length - 1 }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      buttons.at(to % buttons.length)?.focus();
    } else if (event.key === "Tab") onClose();
    else if (event.key === "Escape") event.stopPropagation(); // it closes this alone
  };
  return (
    <div ref={ref} class="menu" part="menu" popover="auto" role="menu" aria-label={label} onKeyDown={keys}
      onToggle={(event) => { if ((event as unknown as ToggleEvent).newState === "closed") onClose(); }}>
      {children}
      {choices.map(({ icon, label: text, danger, act }) => (
        <button type="button" role="menuitem" class={danger ? "danger" : ""} key={text} onClick={() => { onClose(); act(); }}>
          <Icon name={icon} />{text}
        </button>
      ))}
    </div>
  );
}

const GAP = 6; // px

// Beside what was pressed, and in the window.
function put(menu: HTMLElement, near: Element): void {
  const at = near.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = menu;
  const below = at.bottom + GAP + height <= innerHeight || at.top < height;
  const top = below ? Math.min(at.bottom + GAP, innerHeight - height - GAP) : at.top - GAP - height;
  const left = getComputedStyle(near).direction === "rtl" ? at.left : at.right - width;
  menu.style.top = `${Math.max(GAP, top)}px`;
  menu.style.left = `${Math.max(GAP, Math.min(left, innerWidth - width - GAP))}px`;
}
