// Where messages are written: new ones, replies, and one's own anew.
import { $, say } from "./dom.js";
import { gist } from "./message.js";
import { complain } from "./status.js";

const WARN_BELOW = 200; // characters left
const MOST_LINES = 0.4; // of the window's height

export class Composer {
  #chat;
  #sent;
  #body = $("body");
  #drafts = new Map(); // room id → {text, mode, item}
  #room = ""; // whose draft it shows
  #mode = "new"; // or "reply", "edit"
  #item = null; // that is replied to or edited

  /** sent() is called when a message went to the outbox. */
  constructor(chat, sent) {
    this.#chat = chat;
    this.#sent = sent;
    $("composer").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    $("context-cancel").addEventListener("click", () => this.#cancel());
    this.#body.addEventListener("input", () => this.#typed());
    this.#body.addEventListener("keydown", (event) => this.#key(event));
  }

  /** Another room is open now: its draft comes back. */
  turn() {
    if (this.#room) this.#drafts.set(this.#room, { text: this.#body.value, mode: this.#mode, item: this.#item });
    if (this.#room && this.#room !== this.#chat.current) this.#chat.still(this.#room);
    this.#room = this.#chat.current;
    const { text = "", mode = "new", item = null } = this.#drafts.get(this.#room) ?? {};
    this.#set(mode, item, text);
    this.update();
  }

  update() {
    const { room } = this.#chat;
    $("composer").hidden = !room || Boolean(room.error && !room.joined);
    if (!room) return;
    const shut = room.archived ? "This room is archived." : room.role && !room.may("write") ? "You may only read here." : "";
    this.#body.disabled = Boolean(shut);
    $("send").disabled = Boolean(shut);
    this.#body.placeholder = shut || `Message ${room.title}`;
    say($("body-label"), this.#mode === "edit" ? "Edit your message" : `Message ${room.title}`);
  }

  focus() {
    this.#body.focus();
  }

  reply(item) {
    this.#set("reply", item, this.#mode === "edit" ? "" : this.#body.value);
    this.focus();
  }

  edit(item) {
    this.#set("edit", item, item.body);
    this.focus();
  }

  #set(mode, item, text) {
    this.#mode = mode;
    this.#item = item;
    this.#body.value = text;
    $("context").hidden = mode === "new";
    if (item) {
      say($("context-what"), mode === "edit" ? "Edit" : `Reply to ${item.author.name}`);
      say($("context-text"), gist(item));
    }
    this.#measure();
    this.update();
  }

  #cancel() {
    this.#set("new", null, this.#mode === "edit" ? "" : this.#body.value);
    this.focus();
  }

  async #submit() {
    const text = this.#body.value.trimEnd();
    if (!text.trim() || this.#left() < 0 || !this.#chat.room?.role) return;
    if (this.#mode === "edit") {
      await this.#submitEdit(text);
      return;
    }
    this.#chat.send(this.#room, text, this.#mode === "reply" ? this.#item.seq : undefined);
    this.#set("new", null, "");
    this.#sent();
  }

  async #submitEdit(text) {
    const { seq, body } = this.#item;
    const room = this.#room;
    try {
      if (text !== body) await this.#chat.edit(room, seq, text);
    } catch (error) {
      complain(error); // what was written stays
      return;
    }
    if (this.#room === room && this.#item?.seq === seq) this.#set("new", null, "");
    else this.#drafts.delete(room);
  }

  #typed() {
    this.#measure();
    if (this.#mode === "edit") return;
    if (this.#body.value.trim()) this.#chat.typing(this.#room);
    else this.#chat.still(this.#room);
  }

  #key(event) {
    if (event.isComposing) return; // an input method takes the key
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      this.#submit();
    } else if (event.key === "Escape" && this.#mode !== "new") {
      event.preventDefault();
      this.#cancel();
    } else if (event.key === "ArrowUp" && !this.#body.value && this.#mode === "new") {
      const mine = this.#chat.room?.log.items.findLast((item) => item.type === "message" && item.author.id === this.#chat.me.id && !item.deletedAt);
      if (!mine || !this.#chat.room.writable) return;
      event.preventDefault();
      this.edit(mine);
    }
  }

  // How many characters may still come; the service counts code points.
  #left() {
    return this.#chat.limits.body_chars - [...this.#body.value.trimEnd()].length;
  }

  #measure() {
    this.#body.style.height = "auto";
    this.#body.style.height = `${Math.min(this.#body.scrollHeight, innerHeight * MOST_LINES)}px`;
    const left = this.#left();
    say($("body-count"), left < 0 ? `${-left} characters too many` : left < WARN_BELOW ? `${left} characters left` : "");
    $("body-count").classList.toggle("fault", left < 0);
  }
}
