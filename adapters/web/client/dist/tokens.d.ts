/** Why a token is asked for: at first, because the last one expires, or because it was refused. */
export type TokenReason = "first" | "expiring" | "refused";
/**
 * Gives a token. It may be called at any time, never twice at once. With nothing the client stops
 * for good with the reason `token`: nobody is signed in. If it throws, it is called again later.
 */
export type GetToken = (reason: TokenReason) => Promise<string | null | undefined> | string | null | undefined;
export declare class Tokens {
    #private;
    constructor(give: GetToken);
    /** The token to use now, or "" if nobody is signed in. Rejects with what `getToken` threw. */
    get_(): Promise<string>;
    /** A fresh one, while the one that there is still holds. */
    renew_(): Promise<string>;
    /** The service refused it: the next one is asked for. */
    refuse_(token: string): void;
    /**
     * How long to wait before it is renewed, in ms: `expiresAt` and `now` are both of the service's
     * clock, so it does not matter what this machine's says. Without `expiresAt` the token is asked.
     */
    renewalIn_(now: number, expiresAt?: number): number;
    /** What the token says of itself: nothing, if it is no JWT. */
    claims_(): {
        readonly exp?: unknown;
        readonly sub?: unknown;
        readonly name?: unknown;
    };
}
