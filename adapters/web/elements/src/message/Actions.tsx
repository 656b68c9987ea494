// What may be done with a message.
import type { Message, Room } from "@parley-chat/client";
import { Fragment, type JSX } from "preact";
import { useState } from "preact/hooks";
import { copy } from "../desk/acts.ts";
import { useDesk, useWords } from "../desk/context.ts";
import type { Desk } from "../desk/desk.ts";
import { Menu, type Choice } from "../ui/Menu.tsx";
import { IconButton } from "../ui/parts.tsx";
import { Picker } from "./Picker.tsx";
import type { Talk } from "./talk.ts";

/** Those offered first for a reaction. */
const QUICK = ["👍", "❤️", "😂", "🎉", "👀", "🙏", "🔥"];

type Open = { readonly is: "menu" | "picker"; readonly near: Element };

export function Actions({ message, room, mine, talk }: { message: Message; room: Room; mine: boolean; talk: Talk }): JSX.Element {
  const desk = useDesk();
  const t = useWords();
  const [open, setOpen] = useState<Open>();
  const react = (char: string) => room.react(message.seq, char, !message.reactions.some(({ emoji, me }) => me && emoji === char));
  const { role, archived } = room.getSnapshot();
  const writes = role !== "read" && !archived;
  const close = () => setOpen(undefined);
  if (!message.seq) return <div class="actions" part="actions" role="toolbar" aria-label={t("actions")}><IconButton icon="bin" class="act-discard" label={t("discard")} onClick={() => room.discard(message.key!)} /></div>;
  return (
    <div class={open ? "actions open" : "actions"} part="actions" role="toolbar" aria-label={t("actions")}>
      {writes && <IconButton icon="smile" class="act-react" label={t("react")} menu onClick={(event) => setOpen({ is: "picker", near: event.currentTarget as Element })} />}
      {writes && <IconButton icon="reply" class="act-reply" label={t("reply")} onClick={() => talk.reply(message)} />}
      <IconButton icon="more" class="act-more" label={t("actions.more")} menu expanded={open?.is === "menu"} onClick={(event) => setOpen({ is: "menu", near: event.currentTarget as Element })} />
      {open?.is === "picker" && <Picker near={open.near} onPick={react} onClose={close} />}
      {open?.is === "menu" && (
        <Menu label={t("actions")} near={open.near} onClose={close} choices={choices(desk, message, room, mine, writes, talk)}>
          {writes && (
            <div class="quick" role="group" aria-label={t("react")}>
              {QUICK.map((char) => (
                <Fragment key={char}><button type="button" role="menuitem" onClick={() => { close(); react(char); }}>{char}</button></Fragment>
              ))}
            </div>
          )}
        </Menu>
      )}
    </div>
  );
}

function choices(desk: Desk, message: Message, room: Room, mine: boolean, writes: boolean, talk: Talk): Choice[] {
  const t = desk.words;
  const { role, archived } = room.getSnapshot();
  const moderates = role === "moderate" && !archived;
  const pins = desk.may("pins") && moderates;
  const one = (may: boolean, choice: Choice): Choice[] => (may ? [choice] : []);
  return [
    ...one(writes, { icon: "reply", label: t("reply"), act: () => talk.reply(message) }),
    ...one(mine && writes, { icon: "edit", label: t("edit"), act: () => talk.edit(message) }),
    { icon: "copy", label: t("copy.text"), act: () => void copy(desk, message.body) },
    { icon: "link", label: t("copy.link"), act: () => void copy(desk, desk.link(room.id, message.seq)) },
    { icon: "forward", label: t("forward"), act: () => desk.ask({ is: "forward", message }) },
    ...one(pins, message.pinned ? { icon: "pin", label: t("unpin"), act: () => void room.unpin(message.seq) }
      : { icon: "pin", label: t("pin"), act: () => void room.pin(message.seq) }),
    { icon: "info", label: t("details"), act: () => desk.ask({ is: "details", message }) },
    ...one((mine && writes) || moderates, { icon: "bin", label: t("delete"), danger: true, act: () => desk.remove(room, message.seq) }),
  ];
}
