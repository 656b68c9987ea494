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

/** The source's snapshot, drawn again when there is another. */
export function useSnapshot<T>(source: Source<T>): T {
  const [, draw] = useState(0);
  const shown = source.getSnapshot();
  useLayoutEffect(() => {
    const look = () => draw((n) => n + 1);
    if (source.getSnapshot() !== shown) look(); // it changed before there was a listener
    return source.subscribe(look);
  }, [source]);
  return shown;
}
