// Small things that all are made of.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { useDesk } from "../desk/context.ts";
import { unturned } from "../message/markdown.ts";
import { Icon, type IconName } from "./icons.tsx";
import { pictureAt } from "./picture.ts";

/** A button that has a picture and a name. */
export function IconButton({ icon, label, onClick, pressed, part, class: kind = "", disabled = false, expanded, menu = false }: {
  icon: IconName; label: string; onClick: (event: MouseEvent) => void; pressed?: boolean | undefined; part?: string; class?: string; disabled?: boolean;
  expanded?: boolean | undefined; menu?: boolean;
}): JSX.Element {
  return (
    <button type="button" class={`tool ${kind}`} part={part} title={label} aria-label={label} aria-pressed={pressed} disabled={disabled}
      aria-expanded={expanded} aria-haspopup={menu ? "menu" : undefined} onClick={onClick}>
      <Icon name={icon} />
    </button>
  );
}

/** A small picture that says something. */
export const mark = (icon: IconName, label: string): JSX.Element => <span title={label}><Icon name={icon} /><span class="unseen">{label}</span></span>;

/** A style with a number of its own for each id, so that people and rooms can be told apart. */
export function tint(id: string) {
  let sum = 7;
  for (const char of id) sum = (sum * 31 + char.codePointAt(0)!) % 9973;
  return { "--hue": (sum * 137) % 360 }; // ids that differ little differ much in colour
}

export function initials(name: string): string {
  const words = name.normalize("NFC").replace(/\p{M}+|\p{C}+/gu, "").split(/[\s._:-]+/).filter(Boolean);
  const letters = words.length > 1 ? [words[0]!, words.at(-1)!] : words;
  return letters.map((word) => [...word][0]!.toUpperCase()).join("") || "?";
}

/** A picture, or initials until it is there, and where there is none. */
export function Avatar({ id, name, picture, small = false }: { id: string; name: string; picture?: string | undefined; small?: boolean }): JSX.Element {
  const [shown, setShown] = useState<string>(); // the address of which the browser has a picture
  const src = pictureAt(picture, document.baseURI);
  return (
    <span class={small ? "avatar small" : "avatar"} part="avatar" aria-hidden="true" style={tint(id)}>
      {src && <img key={src} class={shown === src ? "shown" : ""} alt="" loading="lazy" referrerpolicy="no-referrer" src={src} onLoad={() => setShown(src)} />}
      {(!src || shown !== src) && initials(name)}
    </span>
  );
}

/** The picture of a user, as it is now. */
export function Face(person: { id: string; name: string; small?: boolean }): JSX.Element {
  return <Avatar {...person} picture={useDesk().client.person(person.id).avatar} />;
}

/** A name of somebody's choosing: it is isolated, so that it turns nobody's line, and clipped. */
export function Name({ children }: { children: string }): JSX.Element {
  return <bdi class="name">{unturned(children)}</bdi>;
}
