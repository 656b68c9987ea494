// A value that changes, as those of the client: with `subscribe` and `getSnapshot`.
import { useLayoutEffect, useState } from "preact/hooks";

export interface Source<T> {
  subscribe(listener: () => void): () => void;
  getSnapshot(): T;
}

export class Store<T> implements Source<T> {
  #value: T;
  #listeners = new Set<() => void>();

  constructor(value: T) {
    this.#value = value;
  }

  getSnapshot = (): T => this.#value;

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };

  set(value: T): void {
    if (Object.is(value, this.#value)) return;
    this.#value = value;
    for (const listener of [...this.#listeners]) listener();
  }

  change(part: Partial<T>): void {
    this.set({ ...this.#value, ...part });
  }
}

/** The source's snapshot, drawn again when there is another, unless `skips` says that it need not be. */
export function useSnapshot<T>(source: Source<T>, skips?: (before: T, now: T) => boolean): T {
  const [, draw] = useState(0);
  const shown = source.getSnapshot();
  useLayoutEffect(() => {
    let before = shown;
    const look = () => {
      const now = source.getSnapshot();
      if (now !== before && !skips?.(before, now)) draw((n) => n + 1);
      before = now;
    };
    look(); // it may have changed before there was a listener
    return source.subscribe(look);
  }, [source]);
  return shown;
}
