/**
 * `subscribe` and `getSnapshot` are bound, and fit React's `useSyncExternalStore`. A snapshot is the
 * same object until something has changed.
 */
export declare abstract class Observable<T> {
    #private;
    /** Calls the listener after changes: at once for the first, then for all of the next 16 ms. */
    readonly subscribe: (listener: () => void) => (() => void);
    readonly getSnapshot: () => T;
    /** Resolves with the first snapshot, from now on, of which `holds` is true. */
    until(holds: (snapshot: T) => boolean): Promise<T>;
}
