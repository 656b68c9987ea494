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
    const found = kept(this.#prefix + room) as Draft | null;
    return typeof found?.text === "string" ? found : NONE;
  }

  set(room: string, draft: Draft): void {
    this.#held.set(room, draft);
    keep(this.#prefix + room, draft.text || draft.replyTo ? draft : undefined);
  }

  /** Calls `changed` when another tab has another draft. Returns what ends it. */
  follow(room: string, changed: () => void): () => void {
    const look = ({ key }: StorageEvent) => {
      if (key !== this.#prefix + room) return;
      this.#held.delete(room);
      changed();
    };
    addEventListener("storage", look);
    return () => removeEventListener("storage", look);
  }
}
