// What is asked over HTTP, with the same tokens and errors as on the socket.
import { asError, ParleyError, stopped } from "./errors.ts";
import type { Tokens } from "./tokens.ts";

export interface Ask {
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export class Http {
  #base: string;
  #tokens: Tokens;
  #fetch: typeof fetch;
  #ended = new AbortController();

  /** `base` ends in a slash. */
  constructor(base: string, tokens: Tokens, fetcher: typeof fetch) {
    this.#base = base;
    this.#tokens = tokens;
    this.#fetch = fetcher;
  }

  /** Asks for a path below the service's address, `v1/rooms`; resolves to the answer's JSON. */
  async ask_(method: string, path: string, ask: Ask = {}): Promise<any> {
    for (let again = true; ; again = false) {
      const token = await this.#tokens.get_().catch((thrown) => { throw signedOut(asError(thrown).message); });
      if (!token) throw signedOut("nobody is signed in");
      const response = await this.#send(method, path, ask, token);
      const answer = await response.json().catch(() => ({}));
      if (response.ok) return answer;
      if (response.status === 401 && again) this.#tokens.refuse_(token);
      else throw refusal(response, answer);
    }
  }

  /** Why the service refuses the token; nothing where it does not, or does not answer. */
  async refusal_(token: string): Promise<ParleyError | undefined> {
    try {
      const response = await this.#send("GET", "v1/users?ids=~", {}, token);
      return response.ok ? undefined : refusal(response, await response.json().catch(() => ({})));
    } catch {
      return undefined;
    }
  }

  end_(): void {
    this.#ended.abort();
  }

  async #send(method: string, path: string, { query = {}, body, headers }: Ask, token: string): Promise<Response> {
    const url = new URL(path, this.#base);
    for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, String(value));
    try {
      return await this.#fetch(url, {
        method,
        cache: "no-store",
        signal: this.#ended.signal,
        headers: { Authorization: `Bearer ${token}`, ...(body !== undefined && { "Content-Type": "application/json" }), ...headers },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
    } catch (thrown) {
      if (this.#ended.signal.aborted) throw stopped();
      throw new ParleyError({ code: "unanswered", message: asError(thrown).message });
    }
  }
}

const signedOut = (message: string): ParleyError => new ParleyError({ code: "unauthenticated", message });

function refusal({ status, headers }: Response, { error }: { error?: { code?: string; message?: string; retry_after_ms?: number } }): ParleyError {
  // What stands before the service, a proxy, has errors of its own.
  const code = status === 429 ? "rate_limited" : status >= 502 && status <= 504 ? "unavailable" : undefined;
  const seconds = Number(headers.get("Retry-After")) || undefined;
  return new ParleyError({
    code, message: `the service answered ${status}`, retry_after_ms: seconds && seconds * 1_000, status, ...error,
  });
}
