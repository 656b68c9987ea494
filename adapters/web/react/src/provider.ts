// Where hooks find the client. It is made when the provider is shown for the first time, never on a
// server.
import { createClient, type Client, type ClientOptions } from "@parley-chat/client";
import { createContext, createElement, useContext, useEffect, useState, type ReactNode } from "react";

/**
 * Either a client that the application made and will destroy, or the options of one, which the
 * provider makes and destroys. Of these, `url` and `user` make another client when they change; the
 * others count as they were when it was made.
 */
export type ParleyProviderProps =
  | { readonly children?: ReactNode; readonly client: Client }
  | ({ readonly children?: ReactNode; readonly client?: undefined } & ClientOptions);

const Context = createContext<Client | undefined | null>(null);

// A component that is taken away and shown again at once, as StrictMode does, keeps its client.
const LINGERS = 100; // ms

interface Kept {
  readonly key: string;
  readonly client: Client;
  end: ReturnType<typeof setTimeout> | undefined;
}

/** Gives all hooks below it their client. */
export function ParleyProvider({ children, ...rest }: ParleyProviderProps): ReactNode {
  const given = rest.client;
  const key = given ? "" : JSON.stringify([String((rest as ClientOptions).url), (rest as ClientOptions).user]);
  const [keeper] = useState<{ kept?: Kept | undefined }>(() => ({}));
  const [made, setMade] = useState<Kept>();
  useEffect(() => {
    if (given) return;
    if (keeper.kept?.key !== key) {
      if (keeper.kept) end(keeper.kept);
      keeper.kept = { key, client: createClient(rest as ClientOptions), end: undefined };
    }
    const kept = keeper.kept;
    clearTimeout(kept.end);
    setMade(kept);
    return () => {
      kept.end = setTimeout(() => {
        end(kept);
        if (keeper.kept === kept) keeper.kept = undefined;
      }, LINGERS);
    };
  }, [given, key]);
  const client = given ?? (made?.key === key ? made.client : undefined);
  return createElement(Context.Provider, { value: client }, children);
}

function end({ client, end: timer }: Kept): void {
  clearTimeout(timer);
  client.destroy();
}

/**
 * The client, for all that has no hook. Undefined on a server, and in the first render where the
 * provider makes the client.
 */
export function useClient(): Client | undefined {
  const client = useContext(Context);
  if (client === null) throw new Error("there is no <ParleyProvider> above this component");
  return client;
}
