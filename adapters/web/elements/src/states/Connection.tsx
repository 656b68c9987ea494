import type { JSX } from "preact";
import { useDesk, useWords } from "../desk/context.ts";
import { useSnapshot } from "../desk/store.ts";

/** The connection's state in a word. */
export function Connection(): JSX.Element {
  const { client } = useDesk();
  const t = useWords();
  const { status: { state } } = useSnapshot(client);
  return <span class="state" data-state={state}>{t(state === "waiting" && !navigator.onLine ? "state.offline" : `state.${state}`)}</span>;
}
