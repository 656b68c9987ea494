interface Store<T> {
    readonly subscribe: (listener: () => void) => () => void;
    readonly getSnapshot: () => T;
}
/**
 * What `select` picks of the store's snapshot, or `empty` while there is no store. It renders when
 * what is picked is another value, by `Object.is`, or by its members where it is an array.
 */
export declare function useStore<T, S>(store: Store<T> | undefined, select: (snapshot: T) => S, empty: S, deps?: readonly unknown[]): S;
export {};
