// Where a person sits: which room is open and where in it, what lies over it, and what waits to be
// undone. One for each element.
import type { Client, Message, ParleyError, Room, Status } from "@parley-chat/client";
import { Attention, attend } from "../attention/attention.ts";
import type { Speaker } from "../strings/index.ts";
import { load, moreNow } from "../lazy/load.ts";
import { Opened } from "./opened.ts";
import { keysOf, prefs, type Prefs } from "./prefs.ts";
import { Store } from "./store.ts";

export type Panel = "people" | "search" | "pins";

export type Dialog =
  | { readonly is: "create"; readonly name: string }
  | { readonly is: "forward"; readonly message: Message }
  | { readonly is: "details"; readonly message: Message }
  | { readonly is: "date" }
  | { readonly is: "settings" };

export interface Place {
  readonly room: string | undefined;
  /** A message to go to; `turn` counts how often somebody was sent. */
  readonly at: { readonly seq: number; readonly turn: number } | undefined;
  readonly panel: Panel | undefined;
  readonly dialog: Dialog | undefined;
}

export interface Toast {
  readonly key: number;
  readonly text: string;
  readonly undo?: () => void;
}

export interface DeskParts {
  readonly client: Client;
  readonly url: string;
  readonly host: HTMLElement;
  readonly root: ShadowRoot;
  readonly room: string | undefined;
  speak(): Speaker;
  link(room: string, seq: number): string;
}

const TOAST_STAYS = 6_000; // ms
const TOASTS = 3;

export class Desk {
  readonly client: Client;
  readonly url: string;
  readonly root: ShadowRoot;
  readonly place: Store<Place>;
  readonly toasts = new Store<readonly Toast[]>([]);
  /** Entries that are as good as gone: `room/seq` of messages, `room` of rooms. */
  readonly gone = new Store<ReadonlySet<string>>(new Set());
  /** What is done soon, unless it is undone. */
  readonly waiting = new Map<string, () => void>();
  readonly prefs: Store<Prefs>;
  readonly opened = new Opened(this);
  readonly appearance = new Store<{ readonly dir: "ltr" | "rtl"; readonly theme: string }>({ dir: "ltr", theme: "" });
  readonly attention: Attention;
  words: Speaker;

  #parts: DeskParts;
  #keys = 0;
  #turns = 0;
  #ends: (() => void)[] = [];

  constructor(parts: DeskParts) {
    this.#parts = parts;
    this.client = parts.client;
    this.url = parts.url;
    this.root = parts.root;
    this.words = parts.speak();
    this.prefs = prefs(parts.url);
    this.place = new Store<Place>({ room: parts.room, at: undefined, panel: undefined, dialog: undefined });
    this.attention = attend(this);
    this.#ends.push(() => this.attention.end());
    const go = () => this.#followLink();
    addEventListener("hashchange", go);
    this.#ends.push(() => removeEventListener("hashchange", go));
    let status: Status | undefined, known = false;
    const meet = () => {
      if (known || !(known = !!this.client.getSnapshot().me) || !keysOf(this.notes).length) return;
      void load().then(() => moreNow()?.removeNoted(this));
    };
    const told = () => {
      meet();
      const { status: now } = this.client.getSnapshot();
      if (now === status) return;
      status = now;
      const { state, reason, error } = now as { state: string; reason?: string; error?: ParleyError };
      this.emit("parley-status", { state, reason, code: error?.code, message: error?.message });
    };
    this.#ends.push(this.client.subscribe(told));
    meet();
    go();
  }

  get host(): HTMLElement { return this.#parts.host; }

  look(appearance: { dir: "ltr" | "rtl"; theme: string }): void {
    this.appearance.set(appearance);
    this.words = this.#parts.speak();
  }

  /** The words may be others: what was drawn with the old ones is drawn anew. */
  spoken(): void {
    this.place.change({});
  }

  emit(name: string, detail: object): void {
    this.#parts.host.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }

  // ─── going places ───

  open(id: string | undefined, seq?: number): void {
    const { room, panel } = this.place.getSnapshot();
    const at = id !== undefined && seq ? { seq, turn: ++this.#turns } : undefined;
    if (id !== undefined) this.client.room(id); // joined once more, if it was refused
    this.place.set({ room: id, at, panel: id === room ? panel : undefined, dialog: undefined });
    if (id !== room) this.emit("parley-room", { room: id });
  }

  show(panel: Panel | undefined): void {
    this.place.change({ panel: this.place.getSnapshot().panel === panel ? undefined : panel });
  }

  ask(dialog: Dialog | undefined): void {
    this.place.change({ dialog });
  }

  link(room: string, seq: number): string {
    return this.#parts.link(room, seq);
  }

  // ─── telling ───

  say(text: string, undo?: () => void, stays = TOAST_STAYS): number {
    const key = ++this.#keys;
    void load();
    this.toasts.set([...this.toasts.getSnapshot().slice(1 - TOASTS), { key, text, ...(undo && { undo }) }]);
    setTimeout(() => this.unsay(key), stays);
    return key;
  }

  unsay(key: number): void {
    this.toasts.set(this.toasts.getSnapshot().filter((toast) => toast.key !== key));
  }

  /** Says in words why something did not work. */
  fail(thrown: unknown): void {
    this.say(this.words.fault(thrown));
  }

  /** Where notes of this user are: what others have noted in this browser is theirs to delete. */
  get notes(): string {
    return `parley.delete ${this.url} ${encodeURIComponent(this.client.getSnapshot().me!.id)} `;
  }

  /** It was not done, or is no more. */
  back(key: string): void {
    const gone = new Set(this.gone.getSnapshot());
    gone.delete(key);
    this.gone.set(gone);
  }

  // ─── doing ───

  /** Deletes a message, which can be undone for some seconds. */
  remove(room: Room, seq: number): void {
    void load().then(() => moreNow()?.remove(this, room, seq));
  }

  may(feature: string): boolean {
    return this.client.getSnapshot().features.has(feature);
  }

  end(): void {
    for (const act of [...this.waiting.values()]) act();
    for (const end of this.#ends.splice(0)) end();
  }

  #followLink(): void {
    const [, room, seq] = /^#parley\/([^/]{1,64})\/(\d{1,16})$/.exec(location.hash) ?? [];
    if (room && seq) this.open(room, Number(seq));
  }
}

/** There is no such room, or not for me. */
export const isGone = (error: unknown): boolean =>
  ["forbidden", "not_found", "left"].includes((error as ParleyError | undefined)?.code as string);
