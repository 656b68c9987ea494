// Where one writes.
import type { Message, Room, RoomSnapshot } from "@parley-chat/client";
import { Component, createRef, type ComponentChild } from "preact";
import type { Desk } from "../desk/desk.ts";
import { plain } from "../message/markdown.ts";
import { load, moreNow } from "../lazy/load.ts";
import { Icon } from "../ui/icons.tsx";
import { Face, IconButton } from "../ui/parts.tsx";
import type { Offer, Wish } from "./complete.ts";
import type { Drafts } from "./drafts.ts";

export interface ComposerProps {
  readonly desk: Desk;
  readonly room: Room;
  readonly state: RoomSnapshot;
  readonly drafts: Drafts;
  /** Gets the composer: refs of components are properties like others. */
  readonly handle: { current: Composer | null };
  /** Finds a message that is loaded. */
  message(seq: number): Message | undefined;
  /** My last message, which Up edits. */
  lastOwn(): Message | undefined;
  sent(): void;
  toTimeline(): void;
}

interface State {
  readonly text: string;
  readonly replyTo: number | undefined;
  readonly editing: Message | undefined;
  readonly wish: Wish | undefined;
  readonly chosen: number;
  readonly picker: Element | undefined;
}

const NEAR_FULL = 200; // characters before the limit that the rest is told
const TALLEST = 0.4; // of the window
const MEASURED = 5_000; // characters: more are as tall as can be, and it takes long to lay them out
const TAKEN = 4; // times the limit: of more the browser takes the first part

export class Composer extends Component<ComposerProps, State> {
  override state: State = { text: "", replyTo: undefined, editing: undefined, wish: undefined, chosen: 0, picker: undefined };
  #area = createRef<HTMLTextAreaElement>();
  #end: (() => void) | undefined;

  constructor(props: ComposerProps) {
    super(props);
    props.handle.current = this;
    const { text, replyTo } = props.drafts.get(props.room.id);
    this.state = { ...this.state, text, replyTo };
  }

  override componentDidMount(): void {
    const { drafts, room } = this.props;
    this.#end = drafts.follow(room.id, () => this.state.editing || this.#takeDraft());
    this.#grow();
    // Where fingers write, focus opens a keyboard over half of the messages.
    if (matchMedia("(hover: hover)").matches && this.props.desk.host.matches(":focus-within")) this.focus();
  }

  override componentWillUnmount(): void {
    this.#end?.();
  }

  override componentDidUpdate(_: ComposerProps, before: State): void {
    if (before.text !== this.state.text || before.editing !== this.state.editing) this.#grow();
  }

  focus(): void {
    this.#area.current?.focus({ preventScroll: true });
  }

  reply(message: Message): void {
    this.#save({ ...this.#draft(), replyTo: message.seq });
    this.setState({ editing: undefined, replyTo: message.seq, text: this.#draft().text });
    this.focus();
  }

  /** The draft stays where it is meanwhile. */
  edit(message: Message): void {
    this.setState({ editing: message, text: message.body, wish: undefined });
    this.focus();
    queueMicrotask(() => this.#area.current?.setSelectionRange(message.body.length, message.body.length));
  }

  #draft() {
    return this.props.drafts.get(this.props.room.id);
  }

  #save(draft: { text: string; replyTo?: number | undefined }): void {
    this.props.drafts.set(this.props.room.id, { text: draft.text, ...(draft.replyTo && { replyTo: draft.replyTo }) });
  }

  #takeDraft(): void {
    const { text, replyTo } = this.#draft();
    this.setState({ editing: undefined, text, replyTo, wish: undefined });
  }

  #endEditing(): void {
    this.#takeDraft();
    this.focus();
  }

  #write(text: string, caret?: number): void {
    this.setState({ text });
    if (!this.state.editing) this.#save({ text, replyTo: this.state.replyTo });
    if (caret !== undefined) {
      const area = this.#area.current!;
      area.value = text;
      area.focus();
      area.setSelectionRange(caret, caret);
    }
  }

  #input = (): void => {
    const { value } = this.#area.current!;
    this.#write(value);
    if (value && !this.state.editing) this.props.room.typing();
    this.#offer();
  };

  // ─── sending ───

  get #limit(): number { return this.props.desk.client.getSnapshot().limits?.body_chars ?? 4_000; }
  get #length(): number { return [...this.state.text.trimEnd()].length; }

  #send = (): void => {
    const { room, desk } = this.props;
    const { editing, replyTo } = this.state;
    const body = (moreNow()?.replaceNames ?? String)(this.#area.current!.value).trimEnd();
    if (!body.trim() || [...body].length > this.#limit) return;
    try {
      if (editing) {
        if (body !== editing.body) room.edit(editing.seq, body);
        this.#endEditing();
        return;
      }
      room.send(body, replyTo ? { replyTo } : {});
    } catch (thrown) {
      desk.fail(thrown); // what was written stays
      return;
    }
    this.#save({ text: "" });
    this.setState({ text: "", replyTo: undefined, wish: undefined });
    this.props.sent();
  };

  // ─── completing ───

  #offer(): void {
    const area = this.#area.current!;
    const now = area.selectionStart === area.selectionEnd ? moreNow()?.wish(area.value, area.selectionStart) : undefined;
    this.setState({ wish: now, chosen: 0 });
  }

  // Names may come to be known meanwhile.
  get #offers(): readonly Offer[] {
    const { wish } = this.state;
    return wish ? moreNow()!.offers(wish, this.props.desk, this.props.state) : [];
  }

  #complete(offer: Offer): void {
    const done = moreNow()!.fulfil(this.#area.current!.value, this.state.wish!, offer.by);
    this.#write(done.text, done.caret);
    this.setState({ wish: undefined });
  }

  #insert = (char: string): void => {
    const area = this.#area.current!;
    const { selectionStart: from, selectionEnd: to, value } = area;
    this.#write(value.slice(0, from) + char + value.slice(to), from + char.length);
  };

  // ─── keys and pasting ───

  #keys = (event: KeyboardEvent): void => {
    if (event.isComposing || event.keyCode === 229) return; // an input method is at work: Enter is its
    const { chosen, editing, replyTo } = this.state;
    const offers = this.#offers;
    if (offers.length && this.#chooses(event, offers, chosen)) {
      event.preventDefault();
      return;
    }
    const empty = !this.#area.current!.value;
    if (event.key === "Enter" && !event.shiftKey && !event.ctrlKey && !event.altKey) {
      event.preventDefault();
      this.#send();
    } else if (event.key === "Escape") {
      if (editing) this.#endEditing();
      else if (replyTo) this.#unquote();
      else return;
      event.stopPropagation();
      event.preventDefault();
    } else if (event.key === "ArrowUp" && empty && !editing && !event.shiftKey) {
      const own = this.props.lastOwn();
      event.preventDefault();
      if (own) this.edit(own);
      else this.props.toTimeline();
    }
  };

  #chooses(event: KeyboardEvent, offers: readonly Offer[], chosen: number): boolean {
    switch (event.key) {
      case "ArrowDown": this.setState({ chosen: (chosen + 1) % offers.length }); return true;
      case "ArrowUp": this.setState({ chosen: (chosen + offers.length - 1) % offers.length }); return true;
      case "Enter": case "Tab": this.#complete(offers[chosen]!); return true;
      case "Escape": this.setState({ wish: undefined }); event.stopPropagation(); return true;
      default: return false;
    }
  }

  #unquote(): void {
    this.#save({ text: this.state.text });
    this.setState({ replyTo: undefined });
  }

  #paste = (event: ClipboardEvent): void => {
    const area = this.#area.current!;
    const text = event.clipboardData?.getData("text/plain") ?? "";
    const made = moreNow()?.pasted(area, text);
    if (!made) return moreNow()?.tellCut(this.props.desk, area, text);
    event.preventDefault();
    this.#write(made.text, made.caret);
  };

  #grow(): void {
    const area = this.#area.current;
    if (!area) return;
    const tallest = innerHeight * TALLEST;
    const measured = area.value.length <= MEASURED;
    if (measured) area.style.height = "auto";
    area.style.height = `${measured ? Math.min(area.scrollHeight, tallest) : tallest}px`;
  }

  // ─── drawing ───

  override render({ desk, state, message }: ComposerProps): ComponentChild {
    const t = desk.words;
    const { text, replyTo, editing, chosen, picker } = this.state;
    const offers = this.#offers;
    const left = this.#limit - this.#length;
    const quoted = replyTo ? message(replyTo) : undefined;
    const room = state.name || state.id;
    const more = moreNow();
    return (
      <div class="composer" part="composer">
        {(editing || replyTo) && (
          <div class="context">
            <p>
              <b>{editing ? t("editing") : t("replying", { who: "" })}{!editing && quoted && <bdi>{t.who(quoted.author)}</bdi>}</b>
              <span dir="auto">{plain((editing ?? quoted)?.body ?? "").slice(0, 200)}</span>
            </p>
            <IconButton icon="close" label={t("cancel")} onClick={() => (editing ? this.#endEditing() : this.#unquote())} />
          </div>
        )}
        {offers.length > 0 && (
          <ul class="offers" role="listbox" id="offers" aria-label={t("suggestions")}>
            {offers.map((offer, at) => (
              <li key={offer.by} id={`offer${at}`} role="option" aria-selected={at === chosen}
                onMouseDown={(event) => { event.preventDefault(); this.#complete(offer); }}>
                {offer.face ? <Face small id={offer.face} name={offer.name} /> : <span class="glyph">{offer.show}</span>}<bdi>{offer.name}</bdi>
              </li>
            ))}
          </ul>
        )}
        <div class="write">
          <IconButton icon="smile" label={t("emoji")} menu onClick={(event) => { const picker = event.currentTarget as Element; void load().then(() => this.setState({ picker })); }} />
          <textarea ref={this.#area} part="input" rows={1} dir={text ? "auto" : undefined} value={text} enterkeyhint="send" autocomplete="off"
            aria-label={t("write.to", { room })} placeholder={t("write.to", { room })} aria-describedby="left"
            aria-autocomplete="list" aria-controls={offers.length ? "offers" : undefined} aria-activedescendant={offers.length ? `offer${chosen}` : undefined}
            maxLength={this.#limit * TAKEN} onInput={this.#input} onKeyDown={this.#keys} onPaste={this.#paste} onClick={() => this.#offer()} onBlur={() => this.props.room.typing(false)} />
          <button type="button" class="send" part="send" disabled={!text.trim() || left < 0} title={t(editing ? "save" : "send")} aria-label={t(editing ? "save" : "send")} onClick={this.#send}>
            <Icon name={editing ? "check" : "send"} />
          </button>
        </div>
        <p id="left" class={left < 0 ? "left fault" : "left"} role="status">{left < NEAR_FULL ? (left < 0 ? t("too.long", { n: -left }) : t("left.chars", { n: left })) : ""}</p>
        {picker && more && <more.Picker near={picker} onPick={this.#insert} onClose={() => this.setState({ picker: undefined })} />}
      </div>
    );
  }
}
