// The connection does not come back by itself: why, and what can be done.
import type { StopReason } from "@parley-chat/client";
import type { JSX } from "preact";
import { useDesk, useWords } from "../desk/context.ts";
import { Icon } from "../ui/icons.tsx";

export function Stopped({ reason }: { reason: StopReason }): JSX.Element {
  const { client } = useDesk();
  const t = useWords();
  return (
    <section class="state-pane" part="state" role="alert">
      <Icon name={reason === "banned" ? "lock" : "alert"} />
      <h2 tabIndex={-1}>{t(`stopped.${reason}`)}</h2>
      <p>{t(`stopped.${reason}.about`)}</p>
      {reason !== "banned" && <button type="button" class="primary" onClick={() => client.reconnect()}>{t(reason === "token" ? "sign.in" : "try.now")}</button>}
      <slot name="stopped" />
    </section>
  );
}
