// The colours that were chosen here; static/theme.js has them before anything is drawn.
import type { ParleyChat } from "@parley-chat/elements";
import { inBrowser } from "./keeping.ts";

const kept = inBrowser("parley.theme");
const KNOWN = ["light", "dark", "contrast"];

/** The one that was chosen, or "" where it is the system's. */
export function chosen(): string {
  const theme = kept.get() ?? "";
  return KNOWN.includes(theme) ? theme : "";
}

/** Has the choice in the chat's settings work. */
export function choose(chat: ParleyChat): void {
  const choice = chat.querySelector<HTMLSelectElement>("select")!;
  choice.value = chosen();
  choice.addEventListener("change", () => {
    const { value } = choice;
    if (value) kept.set(value);
    else kept.clear();
    document.documentElement.dataset["theme"] = value;
    chat.theme = value;
  });
}
