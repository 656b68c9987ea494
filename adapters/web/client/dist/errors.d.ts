/** The service's codes, and those of this library: see {@link ParleyError}. */
export type Code = "bad_request" | "unknown_type" | "invalid" | "unauthenticated" | "forbidden" | "not_found" | "conflict" | "rate_limited" | "unavailable" | "internal" | "unanswered" | "stopped" | "full" | "unsupported";
interface Details {
    code?: string | undefined;
    message?: string | undefined;
    reason?: string | undefined;
    retry_after_ms?: number | undefined;
    status?: number | undefined;
}
/** What went wrong. `code` says it to programs, `message` to people. */
export declare class ParleyError extends Error {
    name: string;
    readonly code: Code;
    /** A finer word than the code, where there is one: `ahead`, `moved`, `stale`. */
    readonly reason: string | undefined;
    /** How long the service asks to wait, in ms. */
    readonly retryAfter: number | undefined;
    /** The status of an answer over HTTP. */
    readonly status: number | undefined;
    constructor({ code, message, reason, retry_after_ms: retryAfter, status }: Details);
    /** Whether the same may succeed later, unchanged. */
    get retryable(): boolean;
}
export declare const unanswered: () => ParleyError;
export declare const stopped: (message?: string) => ParleyError;
/** Throws if the service is known, and does not have the feature. */
export declare function need({ features_ }: {
    readonly features_: ReadonlySet<string>;
}, feature: string): void;
/** Anything that was thrown, as a ParleyError. */
export declare function asError(thrown: unknown): ParleyError;
export {};
