// The token: asked for when there is none, when it is about to expire, and when it was refused.

/** Why a token is asked for: at first, because the last one expires, or because it was refused. */
export type TokenReason = "first" | "expiring" | "refused";

/**
 * Gives a token. It may be called at any time, never twice at once. With nothing the client stops
 * for good with the reason `token`: nobody is signed in. If it throws, it is called again later.
 */
export type GetToken = (reason: TokenReason) => Promise<string | null | undefined> | string | null | undefined;

const MARGIN = 60_000; // ms before its end that a token is renewed
const MARGIN_SHARE = 0.2; // of a token that lives a short time

export class Tokens {
  #give: GetToken;
  #token = "";
  #reason: TokenReason = "first";
  #staleAt = Infinity; // by this machine's clock
  #asking: Promise<string> | undefined;

  constructor(give: GetToken) {
    this.#give = give;
  }

  /** The token to use now, or "" if nobody is signed in. Rejects with what `getToken` threw. */
  get_(): Promise<string> {
    if (this.#token && Date.now() < this.#staleAt) return Promise.resolve(this.#token);
    if (this.#token) this.#reason = "expiring";
    return this.#ask();
  }

  /** A fresh one, while the one that there is still holds. */
  renew_(): Promise<string> {
    this.#reason = "expiring";
    return this.#ask();
  }

  /** The service refused it: the next one is asked for. */
  refuse_(token: string): void {
    if (token !== this.#token) return; // there is another one already
    this.#token = "";
    this.#reason = "refused";
  }

  /**
   * How long to wait before it is renewed, in ms: `expiresAt` and `now` are both of the service's
   * clock, so it does not matter what this machine's says. Without `expiresAt` the token is asked.
   */
  renewalIn_(now: number, expiresAt = this.#claimedExpiry()): number {
    const left = expiresAt - now;
    const wait = left - Math.min(MARGIN, left * MARGIN_SHARE);
    this.#staleAt = Date.now() + left;
    return wait;
  }

  #ask(): Promise<string> {
    // What throws at once must find #asking set, to take it away.
    this.#asking ??= Promise.resolve(this.#reason).then(this.#give).then((token) => {
      this.#token = token ?? "";
      this.#staleAt = Infinity;
      return this.#token;
    }).finally(() => { this.#asking = undefined; });
    return this.#asking;
  }

  /** What the token says of itself: nothing, if it is no JWT. */
  claims_(): { readonly exp?: unknown; readonly sub?: unknown; readonly name?: unknown } {
    try {
      const bytes = atob(this.#token.split(".")[1]!.replace(/-/g, "+").replace(/_/g, "/"));
      return JSON.parse(new TextDecoder().decode(Uint8Array.from(bytes, (byte) => byte.charCodeAt(0))));
    } catch {
      return {};
    }
  }

  // Of a token that does not say when it ends, the service says it, with 4401.
  #claimedExpiry(): number {
    const { exp } = this.claims_();
    return typeof exp === "number" ? exp * 1_000 : Infinity;
  }
}
