// Who is signed in, and the few things that are asked over HTTP. Paths are relative, so that the page works below any prefix.

const TOKEN = "parley.token";
const PAGE_KEY = "parley.page-key";

/** The token lives as long as the tab. */
export const token = {
  get: () => sessionStorage.getItem(TOKEN) ?? "",
  set: (value) => sessionStorage.setItem(TOKEN, value),
  clear: () => sessionStorage.removeItem(TOKEN),
};

export class HTTPError extends Error {
  constructor(status, { code, message } = {}) {
    super(message || `the service answered ${status}`);
    this.status = status;
    this.code = code;
  }
}

async function ask(path, options = {}) {
  const response = await fetch(path, { cache: "no-store", ...options });
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new HTTPError(response.status, body.error);
  return body;
}

const bearer = () => ({ headers: { Authorization: `Bearer ${token.get()}` } });

/** What the page has to know before anybody signed in: {development}. */
export const settings = () => ask("page.json");

const keyed = (key) => ({ "X-Parley-Page-Key": key });

/** What opens the page in development mode. It comes in the address that the service printed, and is kept for all windows. */
export const pageKey = {
  get: () => localStorage.getItem(PAGE_KEY) ?? "",
  clear: () => localStorage.removeItem(PAGE_KEY),
  /**
   * Takes the key out of the address: addresses are shown, copied and kept in histories. It is kept if it is the right one, or nobody can
   * say; a wrong one does not replace the one that was kept. Resolves to whether it was wrong.
   */
  async take() {
    const query = new URLSearchParams(location.search);
    const key = query.get("key");
    if (key === null) return false;
    query.delete("key");
    history.replaceState(null, "", location.pathname + (query.size > 0 ? `?${query}` : "") + location.hash);
    const kept = pageKey.get();
    if (!key || key === kept) return false;
    try {
      if (!(await settings()).development) return false; // there it opens nothing
      if (!(await ask("dev/key", { headers: keyed(key) })).opens) return true;
    } catch {
      if (kept) return false;
    }
    localStorage.setItem(PAGE_KEY, key);
    return false;
  },
};

/** In development mode the service hands out tokens to who has the page's key. */
export async function developmentToken(sub, name) {
  const headers = { "Content-Type": "application/json", ...keyed(pageKey.get()) };
  try {
    return (await ask("dev/token", { method: "POST", headers, body: JSON.stringify({ sub, name }) })).token;
  } catch (error) {
    if (error.status === 403) pageKey.clear(); // it is another service's, or of before its folder was deleted
    throw error;
  }
}

/** All rooms that are mine. */
export async function rooms() {
  const all = [];
  let next;
  do {
    const page = await ask(`v1/rooms${next ? `?after=${encodeURIComponent(next)}` : ""}`, bearer());
    all.push(...page.rooms);
    next = page.next;
  } while (next);
  return all;
}

export const room = (id) => ask(`v1/rooms/${encodeURIComponent(id)}`, bearer());

/** Whether the service refuses the token; false where it cannot be asked. */
export async function tokenRefused() {
  try {
    await ask("v1/rooms?limit=1", bearer());
    return false;
  } catch (error) {
    return error.status === 401;
  }
}
