// What a person should know of the connection while a room is open.
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { useDesk, useWords } from "../desk/context.ts";
import { useSnapshot } from "../desk/store.ts";
import { Icon } from "../ui/icons.tsx";

const AFTER = 1_500; // ms: who is back sooner need not be told

export function Banner(): JSX.Element | null {
  const desk = useDesk();
  const t = useWords();
  const { status } = useSnapshot(desk.client);
  const [late, setLate] = useState(false);
  const away = status.state !== "open";
  useEffect(() => {
    setLate(false);
    if (!away) return;
    const timer = setTimeout(() => setLate(true), AFTER);
    return () => clearTimeout(timer);
  }, [away]);
  if (!away || !late) return <div role="status" />;
  const offline = !navigator.onLine;
  return (
    <div class="banner" part="banner" role="status">
      <Icon name="alert" />
      <span>{t(offline ? "offline" : "reconnecting")} {t("offline.unsent")}</span>
      <button type="button" class="text" onClick={() => desk.client.reconnect()}>{t("try.now")}</button>
    </div>
  );
}
