// The choice of an emoji.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { useWords } from "../desk/context.ts";
import { Menu } from "../ui/Menu.tsx";
import { emoji, find } from "./emoji.ts";

export function Picker({ near, onPick, onClose }: { near: Element; onPick: (char: string) => void; onClose: () => void }): JSX.Element {
  const t = useWords();
  const [text, setText] = useState("");
  const shown = text ? find(text.toLowerCase(), 48) : emoji;
  return (
    <Menu label={t("emoji")} choices={[]} near={near} onClose={onClose} role="dialog">
      <input class="field" type="search" aria-label={t("emoji.search")} placeholder={t("emoji.search")} value={text}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => { if (event.key.startsWith("Arrow") && event.key !== "ArrowDown") event.stopPropagation(); }} />
      <div class="emoji">
        {shown.map(({ char, names }) => (
          <button type="button" key={char} title={names[0]} aria-label={names[0]} onClick={() => { onClose(); onPick(char); }}>{char}</button>
        ))}
        {shown.length === 0 && <p class="note">{t("nothing")}</p>}
      </div>
    </Menu>
  );
}
