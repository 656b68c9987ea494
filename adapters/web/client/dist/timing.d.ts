/** Full jitter: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/ */
export declare function backoff(attempt: number, random?: () => number): number;
/** Timers by name: to set one again is to set it anew. */
export declare class Timers<Name extends string> {
    #private;
    set(name: Name, ms: number, act: () => void): void;
    has(name: Name): boolean;
    clear(...names: Name[]): void;
}
