/**
 * A small store of values that structured cloning can copy. Several clients, in several tabs, may use
 * one at the same time. What it rejects is taken as not kept: the client goes on in memory.
 */
export interface Storage {
    get(key: string): Promise<unknown>;
    set(key: string, value: unknown): Promise<void>;
    delete(key: string): Promise<void>;
    /** All values whose keys begin with the prefix, in the order of their keys. */
    list(prefix: string): Promise<[key: string, value: unknown][]>;
    /** Runs `act` while nobody else who uses this storage runs one of the same name. */
    lock<T>(name: string, act: () => Promise<T>): Promise<T>;
}
/** Keeps all in memory: what a client has without another storage. Clients may share one. */
export declare function memoryStorage(): Storage;
