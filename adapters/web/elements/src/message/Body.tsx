// A body as elements.
import type { ComponentChild, JSX } from "preact";
import { useDesk, useWords } from "../desk/context.ts";
import { load, moreNow } from "../lazy/load.ts";
import { Icon } from "../ui/icons.tsx";
import { isBig, isHigh, parse, unturned, type Block, type Inline } from "./markdown.ts";

/** A function, and no component: who draws it does so only if the text is another. */
export function body(text: string): JSX.Element {
  const kind = `body${isBig(text) ? " big" : ""}${isHigh(text) ? " high" : ""}`;
  const blocks = parse(text);
  const [only] = blocks;
  const lines = blocks.length === 1 && only!.is === "lines" && only!.of; // most are one paragraph
  const Tag = lines ? "p" : "div";
  return <Tag class={kind} part="body" dir="auto">{lines ? lines.map(piece) : blocks.map(block)}</Tag>;
}

function block(one: Block, key: number): JSX.Element {
  switch (one.is) {
    case "code": return <Code key={key} text={one.text} lang={one.lang} />;
    case "quote": return <blockquote key={key}>{one.of.map(block)}</blockquote>;
    case "list": {
      const items = one.of.map((item, at) => <li key={at}>{item.map(piece)}</li>);
      return one.from === undefined ? <ul key={key}>{items}</ul> : <ol key={key} start={one.from}>{items}</ol>;
    }
    case "lines": return <p key={key} dir="auto">{one.of.map(piece)}</p>;
  }
}

function piece(one: Inline, key: number): ComponentChild {
  switch (one.is) {
    case "text": return unturned(one.text);
    case "code": return <code key={key}>{unturned(one.text)}</code>;
    case "strong": return <strong key={key}>{one.of.map(piece)}</strong>;
    case "em": return <em key={key}>{one.of.map(piece)}</em>;
    case "del": return <del key={key}>{one.of.map(piece)}</del>;
    case "link": return <a key={key} href={one.href} target="_blank" rel="noopener noreferrer nofollow ugc">{one.of.map(piece)}</a>;
    case "mention": return <Mention key={key} user={one.user} />;
    case "room": return <RoomLink key={key} room={one.room} />;
  }
}

// A chip, if that is somebody; else it is what was written.
function Mention({ user }: { user: string }): JSX.Element {
  const { client } = useDesk();
  const { me } = client.getSnapshot();
  const name = me?.id === user ? me.name : client.name(user);
  if (name === user && me?.id !== user) return <>@{user}</>;
  return <bdi class={me?.id === user ? "chip me" : "chip"} part="mention" title={user}>@{name}</bdi>;
}

function RoomLink({ room }: { room: string }): JSX.Element {
  const desk = useDesk();
  const found = desk.client.rooms.getSnapshot().rooms.find(({ id }) => id === room);
  if (!found) return <>#{room}</>;
  return <button type="button" class="chip" onClick={() => desk.open(room)}><bdi>#{found.name || room}</bdi></button>;
}

function Code({ text, lang }: { text: string; lang: string }): JSX.Element {
  const desk = useDesk();
  const t = useWords();
  return (
    <div class="fence" part="code" dir="ltr">
      <button type="button" class="copy" aria-label={t("copy.code")} title={t("copy.code")} onClick={() => void load().then(() => moreNow()?.copy(desk, text))}><Icon name="copy" /></button>
      <pre tabIndex={0} aria-label={lang || undefined}><code>{unturned(text)}</code></pre>
    </div>
  );
}
