// Waiting: how long, and named timers of which each is one.

const BASE = 500; // ms
const CAP = 30_000;
const LONGEST = 2 ** 31 - 1; // ms: a timer that is set for longer goes off at once

/** Full jitter: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/ */
export function backoff(attempt: number, random: () => number = Math.random): number {
  return random() * Math.min(CAP, BASE * 2 ** attempt);
}

/** Timers by name: to set one again is to set it anew. */
export class Timers<Name extends string> {
  #running = new Map<Name, ReturnType<typeof setTimeout>>();

  set_(name: Name, ms: number, act: () => void): void {
    this.clear_(name);
    this.#running.set(name, setTimeout(() => {
      this.#running.delete(name);
      act();
    }, Math.min(Math.max(ms, 0), LONGEST)));
  }

  has_(name: Name): boolean {
    return this.#running.has(name);
  }

  clear_(...names: Name[]): void {
    for (const name of names.length > 0 ? names : [...this.#running.keys()]) {
      clearTimeout(this.#running.get(name));
      this.#running.delete(name);
    }
  }
}
