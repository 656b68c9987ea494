// Who is signed in, and the few things that are asked over HTTP. Paths are relative, so that the page works below any prefix.

const TOKEN = "parley.token";

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

/** In development mode the service hands out tokens for the asking. */
export async function developmentToken(sub, name) {
  const body = JSON.stringify({ sub, name });
  return (await ask("dev/token", { method: "POST", headers: { "Content-Type": "application/json" }, body })).token;
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
