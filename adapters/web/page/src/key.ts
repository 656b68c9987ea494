// The page's key, which gets tokens in development mode. It comes in the address that the service
// printed, and is kept for all tabs.
import { inBrowser } from "./keeping.ts";
import * as service from "./service.ts";

export const pageKey = inBrowser("parley.page-key");

/**
 * Takes the key out of the address: addresses are shown, copied and kept in histories. It is kept if
 * it is the right one, or nobody can say; a wrong one does not replace the one that was kept. Resolves
 * to whether it was wrong.
 */
export async function takeKey(): Promise<boolean> {
  const query = new URLSearchParams(location.search);
  const key = query.get("key");
  if (key === null) return false;
  try {
    return await isWrong(key);
  } finally { // not before it is kept: the page may be loaded anew meanwhile
    query.delete("key");
    history.replaceState(history.state, "", location.pathname + (query.size > 0 ? `?${query}` : "") + location.hash);
  }
}

async function isWrong(key: string): Promise<boolean> {
  const kept = pageKey.get();
  if (!key || key === kept) return false;
  try {
    if (!(await service.isDevelopment())) return false; // there it opens nothing
    if (!(await service.opens(key))) return true;
  } catch {
    if (kept) return false;
  }
  pageKey.set(key);
  return false;
}
