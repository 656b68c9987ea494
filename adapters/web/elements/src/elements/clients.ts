// Elements that have the same service and the same source of tokens share a client.
import { createClient, indexedDBStorage, type Client, type GetToken } from "@parley-chat/client";

interface Shared {
  readonly client: Client;
  uses: number;
  end?: ReturnType<typeof setTimeout>;
}

const LINGERS = 2_000; // ms: an element that is moved leaves the page and comes back

const shared = new WeakMap<GetToken, Map<string, Shared>>();

/** The client of that service and source, and what gives it back. */
export function borrow(url: string, getToken: GetToken): { readonly client: Client; release(): void } {
  let byUrl = shared.get(getToken);
  if (!byUrl) shared.set(getToken, (byUrl = new Map()));
  let one = byUrl.get(url);
  // One that nobody uses and that has stopped does not come back: the next element begins anew.
  if (one?.uses === 0 && one.client.getSnapshot().status.state === "stopped") one = undefined;
  if (!one) byUrl.set(url, (one = { client: createClient({ url, getToken, storage: indexedDBStorage(`parley ${url}`) }), uses: 0 }));
  const held = one;
  clearTimeout(held.end);
  held.uses++;
  let released = false;
  return {
    client: held.client,
    release() {
      if (released) return;
      released = true;
      if (--held.uses > 0) return;
      held.end = setTimeout(() => {
        if (byUrl.get(url) === held) byUrl.delete(url);
        held.client.destroy();
      }, LINGERS);
    },
  };
}
