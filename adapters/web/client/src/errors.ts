// One class of errors: what the service refused, and what this library could not do.

/** The service's codes, and those of this library: see {@link ParleyError}. */
export type Code =
  | "bad_request"
  | "unknown_type"
  | "invalid"
  | "unauthenticated"
  | "forbidden"
  | "not_found"
  | "conflict"
  | "rate_limited"
  | "unavailable"
  | "internal"
  | "unanswered" // the connection was lost before the answer came: whether it took effect is unknown
  | "stopped" // the connection does not come back by itself, or the client was destroyed
  | "full" // the outbox has as many commands as it may have
  | "unsupported"; // the service has no such feature

const PASSING = new Set<string>(["rate_limited", "unavailable", "unanswered"]);

interface Details {
  code?: string | undefined;
  message?: string | undefined;
  reason?: string | undefined;
  retry_after_ms?: number | undefined;
  status?: number | undefined;
}

/** What went wrong. `code` says it to programs, `message` to people. */
export class ParleyError extends Error {
  override name = "ParleyError";
  readonly code: Code;
  /** A finer word than the code, where there is one: `ahead`, `moved`, `stale`. */
  readonly reason: string | undefined;
  /** How long the service asks to wait, in ms. */
  readonly retryAfter: number | undefined;
  /** The status of an answer over HTTP. */
  readonly status: number | undefined;

  constructor({ code = "internal", message, reason, retry_after_ms: retryAfter, status }: Details) {
    super(message || code);
    this.code = code as Code;
    this.reason = reason;
    this.retryAfter = retryAfter;
    this.status = status;
  }

  /** Whether the same may succeed later, unchanged. */
  get retryable(): boolean {
    return PASSING.has(this.code);
  }
}

export const unanswered = (): ParleyError =>
  new ParleyError({ code: "unanswered", message: "the connection was lost before the answer came" });

export const stopped = (message = "the connection was stopped"): ParleyError => new ParleyError({ code: "stopped", message });

/** Throws if the service is known, and does not have the feature. */
export function need({ features_ }: { readonly features_: ReadonlySet<string> }, feature: string): void {
  if (features_.size && !features_.has(feature)) throw new ParleyError({ code: "unsupported", message: `the service has no ${feature}` });
}

/** Anything that was thrown, as a ParleyError. */
export function asError(thrown: unknown): ParleyError {
  if (thrown instanceof ParleyError) return thrown;
  return new ParleyError({ code: "internal", message: String((thrown as Error | undefined)?.message ?? thrown) });
}
