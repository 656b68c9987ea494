// Something that changes, seen as immutable snapshots.

const EVERY = 16; // ms: listeners are called so often at most, however much happens

/**
 * `subscribe` and `getSnapshot` are bound, and fit React's `useSyncExternalStore`. A snapshot is the
 * same object until something has changed.
 */
export abstract class Observable<T> {
  #snapshot: T | undefined;
  #listeners = new Set<() => void>();
  #due = false;
  #rests: ReturnType<typeof setTimeout> | undefined;

  /** Calls the listener after changes: at once for the first, then for all of the next 16 ms. */
  readonly subscribe = (listener: () => void): (() => void) => {
    const own = () => listener(); // the same listener may subscribe twice
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  };

  readonly getSnapshot = (): T => (this.#snapshot ??= this.show_());

  /** @internal What there is to see now. */
  abstract show_(): T;

  /** @internal Somebody listens. */
  get watched_(): boolean {
    return this.#listeners.size > 0;
  }

  /** Resolves with the first snapshot, from now on, of which `holds` is true. */
  until(holds: (snapshot: T) => boolean): Promise<T> {
    return new Promise((resolve) => {
      const look = () => {
        if (!holds(this.getSnapshot())) return false;
        resolve(this.getSnapshot());
        return true;
      };
      if (look()) return;
      const unsubscribe = this.subscribe(() => look() && unsubscribe());
    });
  }

  /** @internal Something of it is another. */
  changed_(): void {
    this.#snapshot = undefined;
    if (this.#listeners.size === 0) return;
    this.#due = true;
    if (this.#rests === undefined) this.#rest(0);
  }

  // The first change is told in a microtask: what happens in one go is one change.
  #rest(ms: number): void {
    const tell = () => {
      this.#rests = undefined;
      if (!this.#due) return;
      this.#due = false;
      this.#rest(EVERY);
      for (const listener of [...this.#listeners]) listener();
    };
    if (ms > 0) {
      this.#rests = setTimeout(tell, ms);
      (this.#rests as { unref?: () => void }).unref?.();
      return;
    }
    this.#rests = 0 as never;
    queueMicrotask(tell);
  }
}
