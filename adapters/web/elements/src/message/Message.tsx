// One message: who, what, when, and what became of it.
import type { Message as Shown, Room } from "@parley-chat/client";
import { Component, type ComponentChild, type JSX } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { DeskContext, useDesk, useWords } from "../desk/context.ts";
import type { Desk } from "../desk/desk.ts";
import { Icon } from "../ui/icons.tsx";
import { Face, hue, Name } from "../ui/parts.tsx";
import { useMore } from "../lazy/load.ts";
import { Body } from "./Body.tsx";
import { plain } from "./markdown.ts";
import type { Talk } from "./talk.ts";

export interface MessageProps {
  readonly message: Shown;
  readonly room: Room;
  /** The first, and the last, of those that one person wrote in a row. */
  readonly first: boolean;
  readonly last: boolean;
  readonly mine: boolean;
  readonly gone: boolean;
  readonly found: boolean;
  readonly talk: Talk;
  /** What is answered, if it is loaded; null where it is not. */
  readonly quoted: Shown | null | undefined;
  /** Names may have been learned, words may be others. */
  readonly turn: unknown;
}

/** Drawn again only when something of it is another: a page has many. */
export class MessageRow extends Component<MessageProps> {
  override shouldComponentUpdate(next: MessageProps): boolean {
    for (const name in next) if (next[name as keyof MessageProps] !== this.props[name as keyof MessageProps]) return true;
    return false;
  }

  override render(props: MessageProps): ComponentChild {
    const { message, first, last, mine, gone, found } = props;
    const kind = ["row", mine && "mine", first && "first", last && "last", message.state === "failed" && "failed", found && "found"];
    return (
      <DeskContext.Consumer>
        {(desk: Desk) => (
          <li class={kind.filter(Boolean).join(" ")} part={mine ? "message own" : "message"} data-key={message.id} data-seq={message.seq || undefined}
            tabIndex={-1} aria-label={label(desk, message, gone)}>
            {!mine && <span class="face">{first && <Face id={message.author.id} name={message.author.name} />}</span>}
            <div class="stack">
              <div class="bubble" part="bubble">
                {first && !mine && <Author message={message} />}
                {gone || message.deletedAt ? <p class="deleted">{desk.words("deleted")}</p> : <Content {...props} />}
              </div>
              {!gone && <Reactions {...props} />}
              {message.state === "failed" && <Failed {...props} />}
            </div>
            {!gone && !message.deletedAt && message.seq > 0 && <Acting {...props} />}
          </li>
        )}
      </DeskContext.Consumer>
    );
  }
}

// What may be done comes with what is loaded later.
function Acting({ message, room, mine, talk }: MessageProps): JSX.Element | null {
  const more = useMore(false);
  return more ? <more.Actions message={message} room={room} mine={mine} talk={talk} /> : null;
}

function label(desk: Desk, { author, body, at, deletedAt, state }: Shown, gone: boolean): string {
  const t = desk.words;
  const text = gone || deletedAt ? t("deleted") : plain(body).slice(0, 300);
  return `${author.name}: ${text}, ${state === "sending" ? t("sending") : state === "failed" ? t("failed") : t.clock(at)}`;
}

function Author({ message: { author, via } }: { message: Shown }): JSX.Element {
  const t = useWords();
  return (
    <p class="author" ref={(element) => void element?.style.setProperty("--hue", String(hue(author.id)))}>
      <Name>{author.name}</Name>
      {via !== undefined && <span class="tag">{t("via", { who: via })}</span>}
    </p>
  );
}

function Content({ message, quoted, talk }: MessageProps): JSX.Element {
  const t = useWords();
  const from = message.meta?.["forwarded"];
  return (
    <>
      {typeof from === "string" && <p class="forwarded"><Icon name="forward" />{t("forwarded", { who: "" })}<bdi>{from}</bdi></p>}
      {message.replyTo !== undefined && <Quote seq={message.replyTo} quoted={quoted} talk={talk} />}
      <Folded><Body text={message.body} /></Folded>
      <Stamp message={message} />
    </>
  );
}

export function Quote({ seq, quoted, talk }: { seq: number; quoted: Shown | null | undefined; talk: Talk }): JSX.Element {
  const t = useWords();
  return (
    <button type="button" class="quote" part="quote" onClick={() => talk.goTo(seq)}>
      {quoted ? <><bdi class="who">{quoted.author.name}</bdi><span dir="auto">{quoted.deletedAt ? t("deleted") : plain(quoted.body).slice(0, 200)}</span></>
        : <span>{quoted === null ? t("quote.missing") : t("quote.loading")}</span>}
    </button>
  );
}

function Stamp({ message: { at, editedAt, pinned, state } }: { message: Shown }): JSX.Element {
  const t = useWords();
  return (
    <span class="stamp">
      {pinned && <span title={t("pinned")}><Icon name="pin" /><span class="unseen">{t("pinned")}</span></span>}
      {editedAt && <span title={t.moment(editedAt)}>{t("edited")}</span>}
      <time dateTime={at} title={t.moment(at)}>{t.clock(at)}</time>
      {state === "sending" && <span title={t("sending")}><Icon name="clock" /><span class="unseen">{t("sending")}</span></span>}
    </span>
  );
}

// What is taller than a screen is folded until it is asked for.
function Folded({ children }: { children: ComponentChild }): JSX.Element {
  const ref = useRef<HTMLDivElement>(null);
  const t = useWords();
  const [tall, setTall] = useState(false);
  const [open, setOpen] = useState(false);
  useLayoutEffect(() => {
    const box = ref.current!;
    setTall(box.scrollHeight > Math.max(320, (box.closest(".scroll")?.clientHeight ?? 0) * 0.9));
  });
  return (
    <>
      <div ref={ref} class={tall && !open ? "fold" : ""}>{children}</div>
      {tall && <button type="button" class="text" aria-expanded={open} onClick={() => setOpen(!open)}>{t(open ? "less" : "more")}</button>}
    </>
  );
}

function Reactions({ message, room }: MessageProps): JSX.Element | null {
  const desk = useDesk();
  const t = useWords();
  if (message.reactions.length === 0) return null;
  return (
    <div class="reactions" role="group" aria-label={t("reactions")}>
      {message.reactions.map(({ emoji, count, me = false }) => (
        <button type="button" class="reaction" part="reaction" key={emoji} aria-pressed={me} aria-label={`${emoji} ${count}`}
          onClick={() => room.react(message.seq, emoji, !me)}>
          <bdi class="glyph">{emoji}</bdi><span>{count}</span>
        </button>
      ))}
      <button type="button" class="reaction who" aria-label={t("details")} title={t("details")} onClick={() => desk.ask({ is: "details", message })}><Icon name="more" /></button>
    </div>
  );
}

function Failed({ message, room }: MessageProps): JSX.Element {
  const t = useWords();
  const { error, failed } = message;
  return (
    <p class="fault" role="alert">
      <Icon name="alert" />{t("failed")}: {t.fault(error)}{" "}
      <button type="button" class="text" onClick={() => room.retry(failed!)}>{t("retry")}</button>{" "}
      <button type="button" class="text" onClick={() => room.discard(failed!)}>{t("discard")}</button>
    </p>
  );
}
