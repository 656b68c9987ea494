// The focus is never lost: when what has it goes away, the room with a ban or the row that a menu was
// asked for at, it goes to what is nearest of that which stays.
import type { Desk } from "../desk/desk.ts";

// What may stay of what was around, and where one goes on there, the best first.
const AROUND = "aside, dialog, nav, section, .parley";
const PLACES = ["h2[tabindex]", ".primary", "input", "button"];

/** Keeps it until what is returned is called. */
export function keepFocus({ host, root }: Desk): () => void {
  let path: Element[] = []; // what has the focus, and all around it
  const note = () => {
    path = [];
    for (let at = root.activeElement; at; at = at.parentElement) path.push(at);
  };
  const left = () => queueMicrotask(() => {
    if (!root.activeElement && path[0]?.isConnected) path = []; // somebody went elsewhere
  });
  const observer = new MutationObserver(() => {
    if (!path.length || path[0]!.isConnected) return;
    const around = path.filter((one) => one.isConnected);
    path = [];
    const now = (host.getRootNode() as Document | ShadowRoot).activeElement;
    if (root.activeElement || (now && now !== host && now !== document.body)) return; // it was taken care of
    for (const one of around) {
      const to = one.matches("[tabindex]") ? one : one.matches(AROUND) && PLACES.map((place) => seen(one, place)).find(Boolean);
      if (to) return (to as HTMLElement).focus({ preventScroll: true });
    }
  });
  note();
  root.addEventListener("focusin", note);
  root.addEventListener("focusout", left);
  observer.observe(root, { childList: true, subtree: true });
  return () => {
    root.removeEventListener("focusin", note);
    root.removeEventListener("focusout", left);
    observer.disconnect();
  };
}

const seen = (within: Element, place: string) => [...within.querySelectorAll(place)].find((one) => one.checkVisibility());
