// The messages of a room: as many as are near, and the place in them stays where it is.
import type { Message, Room, RoomSnapshot, Window, WindowSnapshot } from "@parley-chat/client";
import { Component, createRef, type ComponentChild } from "preact";
import type { Desk } from "../desk/desk.ts";
import { moreNow } from "../lazy/load.ts";
import { meet, MessageRow } from "../message/Message.tsx";
import type { Talk } from "../message/talk.ts";
import { Icon } from "../ui/icons.tsx";
import { Reading } from "./reading.ts";
import { rows, type Row } from "./rows.ts";

export interface TimelineProps {
  readonly desk: Desk;
  readonly room: Room;
  readonly window: Window;
  readonly shown: WindowSnapshot;
  readonly state: RoomSnapshot;
  /** The read mark before which nothing is new. */
  readonly line: number;
  readonly at: { readonly seq: number; readonly turn: number } | undefined;
  readonly gone: ReadonlySet<string>;
  readonly quotes: ReadonlyMap<number, Message | null>;
  readonly talk: Talk;
  /** Gets the timeline. */
  readonly handle: { current: Timeline | null };
  readonly turn: unknown;
}

interface Anchor {
  readonly key: string;
  readonly top: number; // px below the top of what is seen
}

const NEAR = 900; // px from an end, and the next page is loaded
const AT_END = 48; // px

export class Timeline extends Component<TimelineProps, { away: boolean }> {
  override state = { away: false };
  #scroll = createRef<HTMLDivElement>();
  #list = createRef<HTMLOListElement>();
  #sticks = true; // at the end, and stays there
  #anchor: Anchor | undefined;
  #placed = false; // it was scrolled to where it begins
  #went = 0; // the turn that was gone to
  #seenTop = 0; // px: where it was scrolled to when that was last looked at
  #focused = ""; // the row that keys move from
  #resize: ResizeObserver | undefined;
  #reading: Reading | undefined;

  override componentDidMount(): void {
    this.props.handle.current = this;
    const scroll = this.#scroll.current!;
    this.#reading = new Reading(scroll, () => this.props);
    // What grows or shrinks around the messages, the composer or the window, moves none of them.
    this.#resize = new ResizeObserver(() => {
      if (this.#placed && Math.abs(scroll.scrollTop - this.#seenTop) > 1) this.#moved();
      this.#restore();
    });
    this.#resize.observe(scroll);
    this.#resize.observe(scroll.firstElementChild!);
    this.#arrange();
  }

  override componentWillUnmount(): void {
    this.#resize?.disconnect();
    this.#reading?.end();
  }

  override componentDidUpdate(before: TimelineProps): void {
    if (before.window !== this.props.window) this.#begin();
    this.#arrange();
  }

  // What is drawn next may move what is seen: where it is now is noted first.
  override getSnapshotBeforeUpdate(): null {
    if (this.#placed) this.#moved();
    return null;
  }

  // Somebody may have scrolled, of which the event is yet to come.
  #moved(): void {
    const scroll = this.#scroll.current!;
    if (Math.abs(scroll.scrollTop - this.#seenTop) > 1) this.#sticks = this.#below < AT_END && this.props.shown.live;
    this.#note();
  }

  #begin(): void {
    this.#placed = false;
    this.#sticks = true;
    this.#anchor = undefined;
  }

  #arrange(): void {
    const { shown, at } = this.props;
    if (!shown.ready) return;
    if (at && this.#went !== at.turn) {
      if (this.#reveal(at.seq)) this.#went = at.turn;
    } else if (!this.#placed) {
      this.#placed = true;
      const line = this.#row("line");
      this.#sticks = !line;
      if (line) this.#scroll.current!.scrollTop += line.getBoundingClientRect().top - this.#top - this.#height * 0.25;
      else this.#restore();
      this.#note();
    } else this.#restore();
    this.#load();
    this.#reading?.look();
  }

  // ─── where things are ───

  get #top(): number { return this.#scroll.current!.getBoundingClientRect().top; }
  get #height(): number { return this.#scroll.current!.clientHeight; }

  get #below(): number {
    const { scrollHeight, clientHeight, scrollTop } = this.#scroll.current!;
    return scrollHeight - clientHeight - scrollTop;
  }

  get #rows(): HTMLElement[] {
    return [...this.#list.current!.children] as HTMLElement[];
  }

  #row(key: string): HTMLElement | undefined {
    return this.#scroll.current?.querySelector<HTMLElement>(`.rows > li[data-key="${CSS.escape(key)}"]`) ?? undefined;
  }

  // The first row that is seen. Rows lie in order: half of them are left out with each look.
  #note(): void {
    const all = this.#rows;
    const top = this.#top;
    let [low, high] = [0, all.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (all[middle]!.getBoundingClientRect().bottom > top) high = middle;
      else low = middle + 1;
    }
    // A line may be taken away and a day stand elsewhere: messages stay.
    const row = all.slice(low).find((one) => !/^(d|line)/.test(one.dataset["key"]!)) ?? all[low];
    this.#seenTop = this.#scroll.current!.scrollTop;
    this.#anchor = row && { key: row.dataset["key"]!, top: row.getBoundingClientRect().top - top };
  }

  #restore(): void {
    const scroll = this.#scroll.current;
    if (!scroll || !this.#placed) return;
    if (this.#sticks && this.props.shown.live) {
      scroll.scrollTop = scroll.scrollHeight;
      this.#seenTop = scroll.scrollTop;
      return;
    }
    const row = this.#anchor && this.#row(this.#anchor.key);
    if (!row) return;
    const moved = row.getBoundingClientRect().top - this.#top - this.#anchor!.top;
    if (Math.abs(moved) >= 0.5) scroll.scrollTop += moved;
    this.#seenTop = scroll.scrollTop;
  }

  #reveal(seq: number): boolean {
    const { items, hasOlder, hasNewer } = this.props.shown;
    const [first, last] = [items[0]?.seq ?? 0, items.findLast((item) => item.seq > 0)?.seq ?? 0];
    if ((hasOlder && first > seq) || (hasNewer && last < seq)) return false; // it is on its way
    const all = this.#rows;
    const row = all.find((one) => Number(one.dataset["seq"]) >= seq) ?? all.at(-1);
    if (!row) return false;
    this.#placed = true;
    this.#sticks = false;
    const { top, height } = row.getBoundingClientRect();
    this.#scroll.current!.scrollTop += top - this.#top - Math.max(0, (this.#height - height) / 2);
    this.#focus(row);
    this.#note();
    return true;
  }

  // ─── pages ───

  #load(): void {
    const { window, shown } = this.props;
    if (!shown.ready || shown.error) return;
    const { loading } = window.getSnapshot();
    if (shown.hasOlder && this.#scroll.current!.scrollTop < NEAR) void (loading.older || window.older());
    else if (shown.hasNewer && this.#below < NEAR) void (loading.newer || window.newer());
  }

  #scrolled = (): void => {
    const scroll = this.#scroll.current;
    if (!scroll || !this.#placed) return; // it may be told after all of it is gone
    const below = this.#below;
    this.#sticks = below < AT_END && this.props.shown.live;
    this.#note();
    this.#load();
    this.#reading?.look();
    const away = below > scroll.clientHeight || !this.props.shown.live;
    if (away !== this.state.away) this.setState({ away });
  };

  /** To the end, where new messages come. */
  toEnd(): void {
    this.#sticks = true;
    const { shown, window, desk, room } = this.props;
    if (shown.live) {
      this.#restore();
      this.#reading?.look();
    } else {
      this.#begin();
      void window.goTo("end");
    }
    if (this.props.at) desk.open(room.id);
    this.setState({ away: false });
  }

  // ─── keys ───

  #focus(row: HTMLElement): void {
    this.#focused = row.dataset["key"]!;
    row.focus({ preventScroll: true });
  }

  #keys = (event: KeyboardEvent): void => {
    const target = event.target as HTMLElement;
    const row = target.closest<HTMLElement>(".rows > li");
    const own = target === row || target === this.#scroll.current;
    if (!own || event.ctrlKey || event.metaKey || event.altKey) return;
    const messages = this.#rows.filter((one) => one.classList.contains("row"));
    const at = row ? messages.indexOf(row) : -1;
    const message = row && this.props.window.message(Number(row.dataset["seq"]));
    const { talk } = this.props;
    const press = (selector: string) => {
      const button = row?.querySelector<HTMLElement>(selector);
      button?.click();
      return button;
    };
    const move = (to: HTMLElement | undefined) => {
      if (!to) return;
      this.#focused = to.dataset["key"]!;
      to.focus({ preventScroll: true });
      to.scrollIntoView({ block: "nearest" });
    };
    const acts: Record<string, () => unknown> = {
      ArrowUp: () => move(row ? messages[at - 1] : (this.#row(this.#focused) ?? messages.at(-1))),
      ArrowDown: () => move(messages[at + 1]),
      End: () => { this.toEnd(); move(messages.at(-1)); },
      Enter: () => press(".act-more"),
      " ": () => press(".act-more"),
      "+": () => press(".act-react"),
      r: () => press(".act-reply"),
      e: () => message && message.author.id === this.props.desk.client.getSnapshot().me?.id && talk.edit(message),
      c: () => message && void moreNow()?.copy(this.props.desk, message.body),
      Delete: () => (message ? this.#remove(message) : press(".act-discard")),
    };
    const act = acts[event.key];
    if (!act || (event.key.length === 1 && !row)) return;
    event.preventDefault();
    act();
  };

  #remove({ author, seq, deletedAt }: Message): void {
    const { desk, room, state } = this.props;
    const mine = author.id === desk.client.getSnapshot().me?.id;
    if (!deletedAt && !state.archived && (state.role === "moderate" || (mine && state.role !== "read"))) desk.remove(room, seq);
  }

  // ─── drawing ───

  override render({ desk, shown, line, state }: TimelineProps): ComponentChild {
    const t = desk.words;
    const { me, status } = desk.client.getSnapshot();
    const made = rows(shown.items, line, shown.hasOlder, me?.id);
    const { away } = this.state;
    return (
      <div class="stage">
        <div ref={this.#scroll} class="scroll" part="timeline" role="region" aria-label={t("messages")} tabIndex={0} onScroll={this.#scrolled} onKeyDown={this.#keys}>
          <div class="column">
            {(shown.ready || shown.hasOlder) && <p class="beginning" aria-hidden={shown.hasOlder && !shown.error}>{shown.hasOlder && shown.error ? t.fault(shown.error) : t(shown.hasOlder ? "loading" : "beginning")}</p>}
            {!shown.ready && shown.items.length === 0 && !shown.error && status.state !== "waiting" && <div class="skeleton" aria-hidden="true">{[1, 2, 3, 4, 5].map((at) => <span key={at} class="bone" />)}</div>}
            {shown.ready && shown.items.length === 0 && <p class="empty"><Icon name="chat" />{t("room.empty")}</p>}
            <ol ref={this.#list} class="rows" onPointerOver={meet} onFocusIn={meet}>{made.map((row) => this.#draw(row))}</ol>
          </div>
        </div>
        {(away || !shown.live) && shown.ready && (
          <button type="button" class="jump" part="jump" onClick={() => this.toEnd()} aria-label={state.unread ? t("unread", { n: state.unread }) : t("to.end")} title={t("to.end")}>
            <Icon name="down" />{state.unread > 0 && <span class="badge">{state.unread}</span>}
          </button>
        )}
      </div>
    );
  }

  #draw(row: Row): ComponentChild {
    const { desk, room, at, gone, quotes, talk, turn, shown } = this.props;
    const me = desk.client.getSnapshot().me?.id;
    switch (row.is) {
      case "day": return <li key={row.key} data-key={row.key} class="day" part="day"><h3>{desk.words.day(row.at)}</h3></li>;
      case "line": return <li key={row.key} data-key={row.key} class="line" part="unread-line"><span>{desk.words("new")}</span></li>;
      case "event": return (
        <li key={row.key} data-key={row.key} data-seq={row.item.seq} class="event" part="event">
          <span dir="auto">{moreNow()?.eventText(row.item, desk)}</span>
        </li>
      );
      case "message": {
        const { message } = row;
        const { replyTo } = message;
        const quoted = replyTo === undefined ? undefined : (shown.items.find(({ seq }) => seq === replyTo) as Message ?? quotes.get(replyTo));
        return (
          <MessageRow key={row.key} desk={desk} message={message} room={room} first={row.first} last={row.last} mine={message.author.id === me}
            gone={gone.has(`${room.id}/${message.seq}`)} found={at?.seq === message.seq} quoted={quoted} talk={talk} turn={turn} />
        );
      }
    }
  }
}
