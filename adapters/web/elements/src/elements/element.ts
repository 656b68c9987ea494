// What the elements have in common: attributes, properties, the client, and where they draw.
import type { Client, GetToken, MessageEntry } from "@parley-chat/client";
import { render, type ComponentChild } from "preact";
import { Desk } from "../desk/desk.ts";
import { learn, speaker, type Speaker } from "../strings/index.ts";
import type { Strings } from "../strings/index.ts";
import { dress } from "../style/sheets.ts";
import { borrow } from "./clients.ts";

/** The events of all elements: each is a `CustomEvent` that bubbles, also out of shadow trees. */
export interface ParleyEvents {
  /** A message has come into one of the rooms; also one of mine. */
  "parley-message": { readonly room: string; readonly message: MessageEntry };
  /** How many messages are unread, in all rooms and in each. */
  "parley-unread": { readonly total: number; readonly rooms: Readonly<Record<string, number>> };
  /** Another room is shown, or none. */
  "parley-room": { readonly room: string | undefined };
  /** The connection's state. */
  "parley-status": {
    readonly state: "connecting" | "open" | "waiting" | "stopped";
    /** Why it has stopped. */
    readonly reason?: string;
    /** Why the service refused the last attempts, as it says it: to programs, and to people. */
    readonly code?: string;
    readonly message?: string;
  };
}

const PROPERTIES = ["getToken", "client", "strings", "link"] as const;
const RIGHT_TO_LEFT = /^(ar|dv|fa|he|ku-arab|ps|sd|ug|ur|yi)\b/i;

// On a server there are no elements: to import this does no harm there.
const Base = (globalThis.HTMLElement ?? class {}) as typeof HTMLElement;

/** The base of the elements. It draws nothing by itself. */
export class ParleyElement extends Base {
  static observedAttributes = ["url", "room", "lang", "theme", "dir"];

  #getToken: GetToken | undefined;
  #client: Client | undefined;
  #strings: Partial<Strings> | undefined;
  #link: ((room: string, seq: number) => string) | undefined;
  #root: ShadowRoot;
  #desk: Desk | undefined;
  #end: (() => void) | undefined;
  #due = false;
  #room: string | undefined; // where it begins, if not where the attribute says
  #seq: number | undefined;

  constructor() {
    super();
    this.#root = this.attachShadow({ mode: "open" });
    dress(this.#root);
  }

  /** Gives tokens, as that of `createClient`. Elements with the same function share a connection. */
  get getToken(): GetToken | undefined { return this.#getToken; }
  set getToken(give: GetToken | undefined) {
    if (give === this.#getToken) return;
    this.#getToken = give;
    this.#another();
  }

  /** A client of the page's own, in place of `url` and `getToken`. It is the page's to destroy. */
  get client(): Client | undefined { return this.#client ?? this.#desk?.client; }
  set client(client: Client | undefined) {
    if (client === this.#client) return;
    this.#client = client;
    this.#another();
  }

  /** Words in place of those of the element's language. */
  get strings(): Partial<Strings> { return this.#strings ?? {}; }
  set strings(strings: Partial<Strings> | undefined) {
    this.#strings = strings;
    this.#draw();
  }

  /** Makes the address of a message, for "copy link"; the page's, with `#parley/<room>/<seq>`, by itself. */
  get link(): ((room: string, seq: number) => string) | undefined { return this.#link; }
  set link(link: ((room: string, seq: number) => string) | undefined) {
    this.#link = link;
    this.#draw();
  }

  /** Where the service is: of the page's own origin unless it is set. */
  get url(): string { return this.getAttribute("url") ?? ""; }
  set url(url: string) { this.setAttribute("url", url); }

  /** The room that is shown, or "": also one that was chosen from the list. */
  get room(): string {
    const chosen = this.#desk ? (this.#desk.place.getSnapshot().room ?? "") : this.#room;
    return chosen ?? this.getAttribute("room") ?? "";
  }
  set room(room: string) {
    if (this.getAttribute("room") === room) this.open(room);
    else this.setAttribute("room", room);
  }

  /** `light`, `dark`, `contrast`, or as the system says. */
  get theme(): string { return this.getAttribute("theme") ?? ""; }
  set theme(theme: string) { this.setAttribute("theme", theme); }

  /** How many messages are unread, in all rooms that are not muted. */
  get unread(): number { return this.#desk?.attention.total ?? 0; }

  /** Shows a room, at a message if `seq` is given; none, if `room` is empty. */
  open(room: string, seq?: number): void {
    if (this.#desk) this.#desk.open(room || undefined, seq);
    else [this.#room, this.#seq] = [room, seq];
  }

  /** Focuses what one goes on with: where one writes, or what there is to choose. */
  override focus(options?: FocusOptions): void {
    // Where fingers write, focus opens a keyboard over half of the messages.
    const first = matchMedia("(hover: hover)").matches ? "textarea" : ".head h2";
    [first, ".state-pane .primary", ".state-pane [tabindex]", ".find input"].map((one) => this.#root.querySelector<HTMLElement>(one))
      .find((one) => one?.checkVisibility())?.focus(options);
  }

  connectedCallback(): void {
    for (const name of PROPERTIES) this.#upgrade(name);
    this.#restart();
  }

  disconnectedCallback(): void {
    this.#room = this.room; // it may only be moved
    this.#stop();
  }

  attributeChangedCallback(name: string, before: string | null, now: string | null): void {
    if (before === now) return;
    if (name === "url") this.#restart();
    else if (name === "room") this.open(now ?? "");
    else this.#draw();
  }

  /** @internal What it draws. */
  view(_desk: Desk): ComponentChild {
    return undefined;
  }

  /** @internal Before there is a token. */
  blank(): ComponentChild {
    return undefined;
  }

  // What was set before the browser knew the element hides what the class has.
  #upgrade(name: (typeof PROPERTIES)[number]): void {
    if (!Object.hasOwn(this, name)) return;
    const value = this[name] as never;
    delete this[name];
    this[name] = value;
  }

  // What somebody else had chosen is not for the next one.
  #another(): void {
    if (this.#desk) this.#room = undefined;
    this.#restart();
  }

  // Once for all that a page sets in one go.
  #restart(): void {
    if (this.#due) return;
    this.#due = true;
    queueMicrotask(() => {
      this.#due = false;
      this.#stop();
      if (this.isConnected) this.#start();
    });
  }

  #start(): void {
    const give = this.#getToken;
    const url = new URL(this.url || ".", document.baseURI).href;
    const borrowed = this.#client ? undefined : give && borrow(url, give);
    const client = this.#client ?? borrowed?.client;
    if (!client) {
      render(this.blank(), this.#root);
      return;
    }
    const desk = new Desk({
      client, url, host: this, root: this.#root, room: this.room || undefined,
      speak: () => this.#speak(), link: (room, seq) => this.#address(room, seq),
    });
    this.#desk = desk;
    if (this.room && this.#seq) desk.open(this.room, this.#seq);
    this.#seq = undefined;
    this.#end = () => {
      desk.end();
      borrowed?.release();
    };
    this.#draw();
  }

  #stop(): void {
    if (!this.#desk) return;
    render(null, this.#root);
    this.#desk = undefined;
    this.#end?.();
    this.#end = undefined;
  }

  #draw(): void {
    const desk = this.#desk;
    if (!desk) return;
    const lang = this.#lang;
    void learn(lang).then(() => {
      if (desk === this.#desk && lang === this.#lang) this.#show(desk);
    });
  }

  #show(desk: Desk): void {
    desk.look({ dir: this.#direction(), theme: this.theme });
    render(this.view(desk), this.#root);
    desk.spoken();
  }

  get #lang(): string {
    return this.getAttribute("lang") ?? this.closest("[lang]")?.getAttribute("lang") ?? navigator.language;
  }

  #speak(): Speaker {
    return speaker(this.#lang, this.#strings);
  }

  #direction(): "ltr" | "rtl" {
    const said = this.closest("[dir]")?.getAttribute("dir")?.toLowerCase();
    if (said === "rtl" || said === "ltr") return said;
    return RIGHT_TO_LEFT.test(this.getAttribute("lang") ?? "") ? "rtl" : "ltr";
  }

  #address(room: string, seq: number): string {
    if (this.#link) return this.#link(room, seq);
    const url = new URL(location.href);
    url.hash = `parley/${room}/${seq}`;
    return url.href;
  }
}
