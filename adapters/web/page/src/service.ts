// The few things that the page asks the service itself. Paths are relative, so that the page works
// below any prefix.

export class HTTPError extends Error {
  readonly status: number;

  constructor(status: number, message?: string) {
    super(message || `the service answered ${status}`);
    this.status = status;
  }
}

async function ask(path: string, options: RequestInit = {}): Promise<Record<string, unknown>> {
  const response = await fetch(path, { cache: "no-store", ...options });
  const body = await response.json().catch(() => ({})) as { error?: { message?: string } };
  if (!response.ok) throw new HTTPError(response.status, body.error?.message);
  return body;
}

/** Whether the service gives tokens to who has the page's key. */
export async function isDevelopment(): Promise<boolean> {
  return (await ask("page.json"))["development"] === true;
}

const keyed = (key: string) => ({ "X-Parley-Page-Key": key });

/** Whether it is the page's key. */
export async function opens(key: string): Promise<boolean> {
  return (await ask("dev/key", { headers: keyed(key) }))["opens"] === true;
}

/** A token for a name: in development mode, for who has the page's key. */
export async function developmentToken(key: string, name: string): Promise<string> {
  const headers = { "Content-Type": "application/json", ...keyed(key) };
  const answer = await ask("dev/token", { method: "POST", headers, body: JSON.stringify({ sub: userID(name), name }) });
  return String(answer["token"]);
}

// "Ada Lovelace" is ada-lovelace: the same name is the same user again.
const userID = (name: string) => name.toLowerCase().replace(/\s+/g, "-");
