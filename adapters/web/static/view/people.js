// Who is in the open room, beside it or, where there is no space, over it.
import { $, avatar, h, say } from "./dom.js";

const REFRESH_EVERY = 60_000; // arrivals in large rooms are not told one by one
const WIDE = matchMedia("(min-width: 70rem)");

export class People {
  #chat;
  #wanted = localStorage.getItem("parley.people") !== "closed"; // beside the room; over it only on request

  constructor(chat) {
    this.#chat = chat;
    $("people-toggle").addEventListener("click", () => this.#toggle($("people").hidden));
    $("people-close").addEventListener("click", () => this.#toggle(false, { focus: true }));
    $("people").addEventListener("keydown", ({ key }) => key === "Escape" && this.#toggle(false, { focus: true }));
    WIDE.addEventListener("change", () => this.#show(WIDE.matches && this.#wanted));
    setInterval(() => document.visibilityState === "visible" && chat.present(chat.current), REFRESH_EVERY);
  }

  /** Another room is open now. */
  turn() {
    this.#show(Boolean(this.#chat.current) && WIDE.matches && this.#wanted);
    this.update();
  }

  update() {
    const room = this.#chat.room;
    $("people-toggle").hidden = !room?.joined;
    if (!room) return;
    say($("people-count"), String(room.total));
    const people = [...room.people].sort(([, a], [, b]) => a.localeCompare(b));
    $("people-list").replaceChildren(...people.map(([id, name]) => this.#person(id, name)));
    const more = room.total - people.length;
    say($("people-more"), more > 0 ? `and ${more} more` : "");
  }

  #person(id, name) {
    const me = id === this.#chat.me?.id;
    return h("li", { title: id }, avatar(id, name), h("span.name", { dir: "auto" }, name), me && h("span.tag", {}, "you"));
  }

  #toggle(open, { focus = false } = {}) {
    if (WIDE.matches) {
      this.#wanted = open;
      localStorage.setItem("parley.people", open ? "open" : "closed");
    }
    this.#show(open);
    if (open) {
      this.#chat.present(this.#chat.current);
      $("people-close").focus();
    } else if (focus) {
      $("people-toggle").focus();
    }
  }

  #show(open) {
    $("people").hidden = !open;
    $("people-toggle").setAttribute("aria-expanded", String(open));
  }
}
