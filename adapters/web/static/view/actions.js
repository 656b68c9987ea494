// What can be done to a message: one toolbar that goes to the message that is pointed at or has the focus, its keys, the choice of
// a reaction and the question before deleting.
import { $, h, icon } from "./dom.js";
import { complain } from "./status.js";

const PALETTE = ["👍", "❤️", "😂", "🎉", "😮", "😢", "🙏", "👀", "✅", "🚀", "🔥", "👎"];

export class Actions {
  #box;
  #chat;
  #compose;
  #react;
  #article = null; // that the toolbar is at
  #target = null; // the message that the picker is open for
  #buttons;
  #toolbar;

  /** box holds the messages; compose has reply(item) and edit(item); react(item, emoji, remove) sets a reaction. */
  constructor({ box, chat, compose, react }) {
    this.#box = box;
    this.#chat = chat;
    this.#compose = compose;
    this.#react = react;
    this.#buttons = {
      react: this.#button("react", "React", (item) => this.#pick(item)),
      reply: this.#button("reply", "Reply", (item) => compose.reply(item)),
      edit: this.#button("edit", "Edit", (item) => compose.edit(item)),
      remove: this.#button("delete", "Delete", (item) => this.#remove(item)),
    };
    this.#toolbar = h("div.actions", { role: "toolbar", "aria-label": "Message actions" }, ...Object.values(this.#buttons));
    box.addEventListener("pointerover", ({ target, pointerType }) => pointerType !== "touch" && this.#goTo(target));
    box.addEventListener("pointerleave", () => this.#toolbar.matches(":focus-within") || this.#picking() || this.leave());
    box.addEventListener("focusin", ({ target }) => this.#goTo(target));
    box.addEventListener("focusout", ({ relatedTarget }) => box.contains(relatedTarget) || box.matches(":hover") || this.#picking() || this.leave());
    box.addEventListener("keydown", (event) => this.#key(event));
    this.#preparePicker();
  }

  /** Takes the toolbar away. */
  leave() {
    this.#toolbar.remove();
    this.#article = null;
  }

  /** The row is about to go. */
  letGo(row) {
    if (this.#article && row.contains(this.#article)) this.leave();
  }

  /** The rows changed: one message can be reached by the tab key, the last if no other was. */
  settle() {
    if (this.#box.querySelector('article[tabindex="0"]')) return;
    const last = [...this.#box.querySelectorAll("article[data-seq]")].at(-1);
    if (last) last.tabIndex = 0;
  }

  #picking() {
    return $("picker").matches(":popover-open");
  }

  #item(article) {
    return this.#chat.room?.log.message(Number(article?.dataset.seq));
  }

  #goTo(target) {
    const article = target.closest("article[data-seq]");
    if (!article || article === this.#article) return;
    const item = this.#item(article);
    const can = item && this.#may(item);
    if (!can || !Object.values(can).some(Boolean)) {
      this.leave();
      return;
    }
    for (const [name, button] of Object.entries(this.#buttons)) button.hidden = !can[name];
    this.#article = article;
    article.append(this.#toolbar);
  }

  #may(item) {
    const { room, me } = this.#chat;
    const mine = item.author.id === me.id;
    const alive = !item.deletedAt && room.writable;
    return { react: alive, reply: alive, edit: alive && mine, remove: alive && (mine || room.may("moderate")) };
  }

  #button(name, words, act) {
    const onclick = () => this.#article && act(this.#item(this.#article));
    return h("button.icon", { type: "button", title: words, onclick }, icon(name), h("span.unseen", {}, words));
  }

  #key(event) {
    const article = event.target.closest("article[data-seq]");
    if (!article || event.target !== article || event.ctrlKey || event.metaKey || event.altKey) return;
    const item = this.#item(article);
    const can = this.#may(item);
    const acts = {
      ArrowUp: () => this.#move(article, -1),
      ArrowDown: () => this.#move(article, 1),
      r: () => can.reply && this.#compose.reply(item),
      e: () => can.edit && this.#compose.edit(item),
      "+": () => can.react && this.#pick(item),
      Delete: () => can.remove && this.#remove(item),
    };
    if (!acts[event.key]) return;
    event.preventDefault();
    acts[event.key]();
  }

  #move(article, by) {
    const articles = [...this.#box.querySelectorAll("article[data-seq]")];
    const next = articles[articles.indexOf(article) + by];
    if (!next) {
      if (by > 0) $("body").focus();
      return;
    }
    article.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  }

  async #remove(item) {
    const dialog = $("confirm");
    const back = this.#article;
    dialog.returnValue = "no";
    dialog.showModal();
    await new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
    back?.focus();
    if (dialog.returnValue === "yes") this.#chat.remove(this.#chat.current, item.seq).catch(complain);
  }

  // ─── the choice of a reaction ───

  #preparePicker() {
    const choose = (emoji) => {
      const known = this.#target.reactions.find((reaction) => reaction.emoji === emoji);
      this.#react(this.#target, emoji, Boolean(known?.me));
      $("picker").hidePopover();
    };
    $("picker-emoji").append(...PALETTE.map((emoji) => h("button", { type: "button", onclick: () => choose(emoji) }, emoji)));
    $("picker-form").addEventListener("submit", (event) => {
      event.preventDefault();
      const emoji = $("picker-other").value.replace(/\s/g, "");
      if (emoji) choose(emoji);
    });
  }

  #pick(item) {
    const picker = $("picker");
    this.#target = item;
    $("picker-other").value = "";
    picker.showPopover();
    const at = (this.#article ?? this.#box).getBoundingClientRect();
    const { offsetWidth: width, offsetHeight: height } = picker;
    const top = at.top + 24 + height > innerHeight ? at.top - height : at.top + 24;
    picker.style.left = `${Math.max(8, Math.min(at.right - width - 8, innerWidth - width - 8))}px`;
    picker.style.top = `${Math.max(8, Math.min(top, innerHeight - height - 8))}px`;
    $("picker-emoji").firstChild.focus();
  }
}
