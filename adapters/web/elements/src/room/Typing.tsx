import type { RoomSnapshot } from "@parley-chat/client";
import type { JSX } from "preact";
import { useDesk, useWords } from "../desk/context.ts";

export function Typing({ state: { typing } }: { state: RoomSnapshot }): JSX.Element {
  const { client } = useDesk();
  const t = useWords();
  const names = typing.map((id) => client.name(id));
  return (
    <p class="typing" part="typing">
      {names.length > 0 && <><span class="dots" aria-hidden="true"><i /><i /><i /></span><span>{t("typing", { n: names.length, who: names })}</span></>}
    </p>
  );
}
