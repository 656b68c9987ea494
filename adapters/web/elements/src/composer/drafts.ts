// What was begun and not sent: it outlives the page, room by room.
import { keep, kept } from "../desk/prefs.ts";

export interface Draft {
  readonly text: string;
  readonly replyTo?: number;
}

const NONE: Draft = { text: "" };

export class Drafts {
  #prefix: string;
  #held = new Map<string, Draft>(); // where the browser keeps nothing

  constructor(url: string, user: string) {
    this.#prefix = `parley.draft ${url} ${user} `;
  }

  get(room: string): Draft {
    const held = this.#held.get(room);
    if (held) return held;
    return draft(kept(this.#prefix + room));
  }

  set(room: string, draft: Draft): void {
    if (keep(this.#prefix + room, draft.text || draft.replyTo ? draft : undefined)) this.#held.delete(room);
    else this.#held.set(room, draft);
  }

  /** Calls `changed` with the text that there was when another tab changes it. Returns what ends it. */
  follow(room: string, changed: (before: string) => void): () => void {
    const look = ({ key, oldValue }: StorageEvent) => {
      if (key === this.#prefix + room) changed(draft(JSON.parse(oldValue ?? "null")).text);
    };
    addEventListener("storage", look);
    return () => removeEventListener("storage", look);
  }
}

const draft = (found: unknown): Draft => (typeof (found as Draft | null)?.text === "string" ? found as Draft : NONE);
