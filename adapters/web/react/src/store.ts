// A part of a snapshot, as React reads it.
import { useMemo, useSyncExternalStore } from "react";

interface Store<T> {
  readonly subscribe: (listener: () => void) => () => void;
  readonly getSnapshot: () => T;
}

const nothing = () => () => {};

/**
 * What `select` picks of the store's snapshot, or `empty` while there is no store. It renders when
 * what is picked is another value, by `Object.is`, or by its members where it is an array.
 */
export function useStore<T, S>(store: Store<T> | undefined, select: (snapshot: T) => S, empty: S, deps: readonly unknown[] = []): S {
  const read = useMemo(() => {
    if (!store) return () => empty;
    let last: S | undefined;
    let of: T | undefined;
    return () => {
      const snapshot = store.getSnapshot();
      if (of === snapshot) return last as S;
      const picked = select(snapshot);
      if (of === undefined || !same(last, picked)) last = picked;
      of = snapshot;
      return last as S;
    };
  }, [store, ...deps]);
  return useSyncExternalStore(store?.subscribe ?? nothing, read, () => empty);
}

function same(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((one, at) => Object.is(one, b[at]));
}
