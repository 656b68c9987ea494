import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { useDesk } from "../desk/context.ts";
import { Icon, type IconName } from "./icons.tsx";

export interface Choice {
  readonly icon: IconName;
  readonly label: string;
  readonly danger?: boolean;
  act(): void;
}

/** A menu near where it was asked for. Arrows, Home, End and Esc do what they do in menus. */
export function Menu({ label, choices, near, onClose, children, role = "menu" }: {
  label: string; choices: readonly Choice[]; near: Element; onClose: () => void; children?: ComponentChildren; role?: "menu" | "dialog";
}): JSX.Element {
  const ref = useRef<HTMLDivElement>(null);
  const desk = useDesk();
  useEffect(() => {
    const menu = ref.current!;
    const before = desk.root.activeElement as HTMLElement | null;
    menu.showPopover();
    put(menu, near);
    menu.querySelector<HTMLElement>("input, button")?.focus();
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
    <div ref={ref} class="menu" part="menu" popover="auto" role={role} aria-label={label} onKeyDown={keys}
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
  const left = at.left + at.right < innerWidth ? at.left : at.right - width; // towards the middle
  menu.style.top = `${Math.max(GAP, top)}px`;
  menu.style.left = `${Math.max(GAP, Math.min(left, innerWidth - width - GAP))}px`;
}
