// The list of rooms, and the form that opens one.
import { roomID } from "../chat.js";
import { $, h } from "./dom.js";

export class RoomList {
  #chat;
  #links = new Map(); // room id → its element

  /** go(id) is called to open a room. */
  constructor(chat, go) {
    this.#chat = chat;
    $("join").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#join(go);
    });
    $("join-room").addEventListener("input", ({ target }) => target.setCustomValidity(""));
  }

  update() {
    const rooms = [...this.#chat.rooms.values()].sort((a, b) => a.title.localeCompare(b.title));
    const items = rooms.map((room) => this.#item(room));
    const list = $("room-list");
    if (items.length !== list.children.length || items.some((item, i) => item !== list.children[i])) list.replaceChildren(...items);
    for (const id of this.#links.keys()) if (!this.#chat.rooms.has(id)) this.#links.delete(id);
  }

  #item(room) {
    let item = this.#links.get(room.id);
    if (!item) {
      item = h("li", {}, h("a", { href: `#${room.id}` }));
      this.#links.set(room.id, item);
    }
    const link = item.firstChild;
    const state = [room.title, room.unread, room.archived, room.public, room.id === this.#chat.current].join("\n");
    if (item.dataset.state === state) return item;
    item.dataset.state = state;
    if (room.id === this.#chat.current) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
    link.classList.toggle("has-unread", room.unread > 0);
    link.replaceChildren(
      h("span.hash", { "aria-hidden": "true" }, room.public ? "#" : "◆"),
      h("span.title", { dir: "auto" }, room.title),
      room.archived ? h("span.tag", {}, "archived") : "",
      room.unread ? h("span.badge", {}, room.unread > 99 ? "99+" : String(room.unread), h("span.unseen", {}, " unread")) : "",
    );
    return item;
  }

  #join(go) {
    const field = $("join-room");
    const id = roomID(field.value);
    if (!id) {
      field.setCustomValidity("Letters a–z, digits and . _ - : please, beginning with a letter or digit.");
      field.reportValidity();
      return;
    }
    field.value = "";
    go(id);
  }
}
