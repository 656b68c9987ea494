// What counts as read: what was on the screen while a person had the window before them.
import type { Room, WindowSnapshot } from "@parley-chat/client";
import { Attention } from "../attention/attention.ts";

interface Read {
  readonly room: Room;
  readonly shown: WindowSnapshot;
}

const AFTER = 300; // ms that it stays on the screen

export class Reading {
  #scroll: HTMLElement;
  #read: () => Read;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #seen = true; // the element itself is on the screen
  #observer: IntersectionObserver;
  #look = () => this.look();

  constructor(scroll: HTMLElement, read: () => Read) {
    this.#scroll = scroll;
    this.#read = read;
    this.#observer = new IntersectionObserver(([entry]) => {
      this.#seen = entry!.isIntersecting;
      this.look();
    });
    this.#observer.observe(scroll);
    addEventListener("focus", this.#look);
    document.addEventListener("visibilitychange", this.#look);
  }

  /** Something may have come into view. */
  look(): void {
    if (this.#timer !== undefined || !Attention.looks) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (Attention.looks && this.#seen) this.#mark();
    }, AFTER);
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#observer.disconnect();
    removeEventListener("focus", this.#look);
    document.removeEventListener("visibilitychange", this.#look);
  }

  #mark(): void {
    const { room, shown } = this.#read();
    if (!shown.ready) return;
    const rows = [...this.#scroll.querySelectorAll<HTMLElement>(".rows > li[data-seq]")];
    const { top, bottom } = this.#scroll.getBoundingClientRect();
    const last = rows.findLast((row) => {
      const box = row.getBoundingClientRect();
      // One that is taller than the screen is seen where it fills it.
      return box.bottom <= bottom + 2 || (box.top <= top && box.bottom > bottom);
    });
    if (!last && rows.length) return;
    // Behind the last row there may be entries that show in others: reactions, edits.
    if (shown.live && last === rows.at(-1)) room.markRead();
    else room.markRead(Number(last!.dataset["seq"]));
  }
}
