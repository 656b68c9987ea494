// Commands that wait for their answers.
import { ParleyError, unanswered } from "./errors.ts";
import type { Frame, Ok } from "./protocol.ts";

const ANSWER_WITHIN = 30_000; // ms

interface Waiting {
  readonly resolve_: (ok: Ok) => void;
  readonly reject_: (error: ParleyError) => void;
  readonly take_: (ok: Ok) => void;
  readonly timer_: ReturnType<typeof setTimeout>;
}

export class Answers {
  #waiting = new Map<string, Waiting>();
  #last = 0;
  #late: () => void;

  /** `late` is called when an answer is so long in coming that the connection must be dead. */
  constructor(late: () => void) {
    this.#late = late;
  }

  /** Waits for an answer to the frame that `write` sends with the id. */
  await_(write: (id: string) => void, take: (ok: Ok) => void): Promise<Ok> {
    return new Promise((resolve, reject) => {
      const id = String(++this.#last);
      const timer = setTimeout(this.#late, ANSWER_WITHIN);
      this.#waiting.set(id, { resolve_: resolve, reject_: reject, take_: take, timer_: timer });
      write(id);
    });
  }

  /** Takes an `ok` or an `error`. */
  settle_(frame: Frame): void {
    const waiting = this.#waiting.get(frame["id"]);
    if (!waiting) return;
    this.#waiting.delete(frame["id"]);
    clearTimeout(waiting.timer_);
    if (frame.type === "error") {
      waiting.reject_(new ParleyError(frame as { code?: string }));
      return;
    }
    waiting.take_(frame);
    waiting.resolve_(frame);
  }

  /** The connection is gone: nothing that waits is answered any more. */
  abandon_(): void {
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { timer_: timer, reject_: reject } of waiting) {
      clearTimeout(timer);
      reject(unanswered());
    }
  }
}
