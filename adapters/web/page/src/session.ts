// Who is signed in. Each tab has a session of its own, so that two people can talk in two tabs. One
// that has a name, as in development mode, is kept for new tabs too; a token that was pasted is
// forgotten with its tab.
import { inBrowser, inTab } from "./keeping.ts";
import { pageKey } from "./key.ts";
import { developmentToken, HTTPError } from "./service.ts";

export interface Session {
  readonly token: string;
  /** In development mode: who it is, for whom the service makes another token. */
  readonly name?: string;
}

const mine = inTab("parley.session");
const latest = inBrowser("parley.session");
const SIGNED_OUT = "none"; // in this tab: it does not take the one of the other tabs

export function current(): Session | undefined {
  const text = mine.get();
  if (text === SIGNED_OUT) return undefined;
  const found = text ?? latest.get();
  const session = read(found);
  if (session && text === null) mine.set(found!);
  return session;
}

export function begin(session: Session): void {
  const text = JSON.stringify(session);
  mine.set(text);
  if (session.name !== undefined) latest.set(text);
}

export function end(): void {
  if (read(latest.get())?.name === current()?.name) latest.clear();
  mine.set(SIGNED_OUT);
}

function read(text: string | null): Session | undefined {
  try {
    const { token, name } = JSON.parse(text ?? "null") as Partial<Session>;
    if (typeof token !== "string" || !token) return undefined;
    return { token, ...(typeof name === "string" && { name }) };
  } catch {
    return undefined;
  }
}

/** Gives tokens to the chat. One that was pasted has no other behind it. */
export async function getToken(reason: "first" | "expiring" | "refused"): Promise<string | undefined> {
  const session = current();
  if (!session || reason === "first") return session?.token;
  if (session.name === undefined) return reason === "refused" ? undefined : session.token;
  try {
    const token = await tokenFor(session.name);
    begin({ token, name: session.name });
    return token;
  } catch (thrown) {
    if (!(thrown instanceof HTTPError) || thrown.status >= 500) throw thrown; // it is tried again
    return reason === "refused" ? undefined : session.token;
  }
}

/** A token for a name, in development mode. */
export async function tokenFor(name: string): Promise<string> {
  try {
    return await developmentToken(pageKey.get() ?? "", name);
  } catch (thrown) {
    // It is another service's, or of before its folder was deleted.
    if (thrown instanceof HTTPError && thrown.status === 403) pageKey.clear();
    throw thrown;
  }
}
