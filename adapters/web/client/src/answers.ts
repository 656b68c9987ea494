// Commands that wait for their answers.
import { ParleyError, unanswered } from "./errors.ts";
import type { Frame, Ok } from "./protocol.ts";

const ANSWER_WITHIN = 30_000; // ms

interface Waiting {
  readonly resolve: (ok: Ok) => void;
  readonly reject: (error: ParleyError) => void;
  readonly take: (ok: Ok) => void;
  readonly timer: ReturnType<typeof setTimeout>;
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
  await(write: (id: string) => void, take: (ok: Ok) => void): Promise<Ok> {
    return new Promise((resolve, reject) => {
      const id = String(++this.#last);
      const timer = setTimeout(this.#late, ANSWER_WITHIN);
      this.#waiting.set(id, { resolve, reject, take, timer });
      write(id);
    });
  }

  /** Takes an `ok` or an `error`. */
  settle(frame: Frame): void {
    const waiting = this.#waiting.get(frame["id"]);
    if (!waiting) return;
    this.#waiting.delete(frame["id"]);
    clearTimeout(waiting.timer);
    if (frame.type === "error") {
      waiting.reject(new ParleyError(frame as { code?: string }));
      return;
    }
    waiting.take(frame);
    waiting.resolve(frame);
  }

  /** The connection is gone: nothing that waits is answered any more. */
  abandon(): void {
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { timer, reject } of waiting) {
      clearTimeout(timer);
      reject(unanswered());
    }
  }
}
