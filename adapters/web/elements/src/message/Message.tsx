// One message: who, what, when, and what became of it.
import type { Message as Shown, Room } from "@parley-chat/client";
import { Component, type ComponentChild, type JSX } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { useWords } from "../desk/context.ts";
import type { Desk } from "../desk/desk.ts";
import type { Speaker } from "../strings/index.ts";
import { Icon } from "../ui/icons.tsx";
import { Face, mark, Name, tint } from "../ui/parts.tsx";
import { useMore } from "../lazy/load.ts";
import { body } from "./Body.tsx";
import { plain } from "./markdown.ts";
import type { Talk } from "./talk.ts";

export interface MessageProps {
  readonly desk: Desk;
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

/**
 * Drawn again only when something of it is another. What may be done with it is made
 * when the pointer or the focus first comes to it, as that has more parts than the message. Those of
 * a page are elements that must all be laid out: a message has as few as can be.
 */
export class MessageRow extends Component<MessageProps, { met: boolean }> {
  override state = { met: false };

  #is = (row: Element | null) => void (row && rows.set(row, this));

  override shouldComponentUpdate(next: MessageProps, { met }: { met: boolean }): boolean {
    if (met !== this.state.met) return true;
    for (const name in next) if (next[name as keyof MessageProps] !== this.props[name as keyof MessageProps]) return true;
    return false;
  }

  override render(props: MessageProps): ComponentChild {
    const { desk, message, first, last, mine, gone, found } = props;
    const { met } = this.state;
    const kind = ["row", mine && "mine", first && "first", last && "last", message.state === "failed" && "failed", found && "found"];
    // Functions, and not components, where there is nothing to keep: a page has many.
    return (
      <li ref={this.#is} class={kind.filter(Boolean).join(" ")} part={mine ? "message own" : "message"} data-key={message.id} data-seq={message.seq || undefined}
        tabIndex={-1} aria-label={label(desk, message, gone)}>
        {first && !mine && <Face id={message.author.id} name={desk.words.who(message.author)} />}
        <div class="bubble" part="bubble">
          {first && !mine && author(props)}
          {gone || message.deletedAt ? <p class="deleted">{desk.words("deleted")}</p> : content(props, met)}
        </div>
        {!gone && message.reactions.length > 0 && reactions(props)}
        {message.state === "failed" && failure(props)}
        {met && !gone && !message.deletedAt && (message.seq > 0 || message.state === "sending") && <Acting {...props} />}
      </li>
    );
  }
}

const rows = new WeakMap<Element, MessageRow>();

/** The pointer or the focus comes to what may be in a row. */
export const meet = ({ target }: Event): void => rows.get((target as Element).closest(".row")!)?.setState({ met: true });

// What may be done comes with what is loaded later.
function Acting({ message, room, mine, talk }: MessageProps): JSX.Element | null {
  const more = useMore(false);
  return more ? <more.Actions message={message} room={room} mine={mine} talk={talk} /> : null;
}

function label(desk: Desk, { author, body, at, deletedAt, state }: Shown, gone: boolean): string {
  const t = desk.words;
  const text = gone || deletedAt ? t("deleted") : plain(body).slice(0, 300);
  return `${t.who(author)}: ${text}, ${state === "sent" ? t.clock(at) : t(state)}`;
}

function author({ desk, message: { author, via } }: MessageProps): JSX.Element {
  return (
    <p class="author" style={tint(author.id)}>
      <Name>{desk.words.who(author)}</Name>
      {via !== undefined && <span class="tag">{desk.words("via", { who: desk.client.name(via) })}</span>}
    </p>
  );
}

function content({ desk, message, quoted, talk }: MessageProps, met: boolean): JSX.Element {
  const t = desk.words;
  const from = message.meta?.["forwarded"];
  return (
    <>
      {typeof from === "string" && <p class="forwarded"><Icon name="forward" />{t("forwarded", { who: "" })}<bdi>{from}</bdi></p>}
      {message.replyTo !== undefined && quote(t, message.replyTo, quoted, talk)}
      {mayBeTall(message.body) ? <Folded>{body(message.body)}</Folded> : body(message.body)}
      {stamp(t, message, met)}
    </>
  );
}

function quote(t: Speaker, seq: number, quoted: Shown | null | undefined, talk: Talk): JSX.Element {
  return (
    <button type="button" class="quote" part="quote" onClick={() => talk.goTo(seq)}>
      {quoted ? <><bdi class="who">{t.who(quoted.author)}</bdi><span dir="auto">{quoted.deletedAt ? t("deleted") : plain(quoted.body).slice(0, 200)}</span></>
        : <span>{quoted === null ? t("quote.missing") : t("quote.loading")}</span>}
    </button>
  );
}

function stamp(t: Speaker, { at, editedAt, pinned, state }: Shown, met: boolean): JSX.Element {
  const sending = state === "sending";
  const alone = !(pinned || editedAt || sending);
  const time = <time class={alone ? "stamp" : undefined} dateTime={at} title={met ? t.moment(at) : undefined}>{t.clock(at)}</time>;
  return alone ? time : (
    <span class="stamp">
      {pinned && mark("pin", t("pinned"))}
      {editedAt && <span title={t.moment(editedAt)}>{t("edited")}</span>}
      {time}
      {sending && mark("clock", t("sending"))}
    </span>
  );
}

// Whether a body may be taller than a screen, where a line has 20 characters: most are not, and need
// not be measured.
const mayBeTall = (text: string): boolean => text.length / 20 + text.split("\n").length > 11;

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

function reactions({ desk, message, room }: MessageProps): JSX.Element {
  const t = desk.words;
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

function failure({ desk, message, room }: MessageProps): JSX.Element {
  const t = desk.words;
  const { error, failed } = message;
  return (
    <p class="fault" role="alert">
      <Icon name="alert" />{t("failed")}: {t.fault(error)}{" "}
      <button type="button" class="text" onClick={() => room.retry(failed!)}>{t("retry")}</button>{" "}
      <button type="button" class="text" onClick={() => room.discard(failed!)}>{t("discard")}</button>
    </p>
  );
}
