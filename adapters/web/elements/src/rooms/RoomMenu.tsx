// What may be done with a room.
import type { Room, RoomSnapshot } from "@parley-chat/client";
import type { JSX } from "preact";
import { copy, leave, toggleMute } from "../desk/acts.ts";
import { useDesk, useWords } from "../desk/context.ts";
import { useSnapshot } from "../desk/store.ts";
import { Menu, type Choice } from "../ui/Menu.tsx";

export function RoomMenu({ room, state, near, onClose }: { room: Room; state: RoomSnapshot; near: Element; onClose: () => void }): JSX.Element {
  const desk = useDesk();
  const t = useWords();
  const { muted } = useSnapshot(desk.prefs);
  const mutes = muted.includes(room.id);
  const choices: Choice[] = [
    { icon: "people", label: t("people"), act: () => desk.show("people") },
    ...(desk.may("pins") ? [{ icon: "pin" as const, label: t("pins"), act: () => desk.show("pins") }] : []),
    { icon: "calendar", label: t("to.date"), act: () => desk.ask({ is: "date" }) },
    { icon: "link", label: t("copy.link"), act: () => void copy(desk, desk.link(room.id, Math.max(1, state.head))) },
    { icon: mutes ? "bell" : "mute", label: t(mutes ? "unmute" : "mute"), act: () => toggleMute(desk, room.id) },
    { icon: "exit", label: t("leave"), danger: true, act: () => leave(desk, room.id) },
  ];
  return <Menu label={t("room.more")} near={near} choices={choices} onClose={onClose} />;
}
