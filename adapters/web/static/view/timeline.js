// The open room's entries: rows by key, drawn anew only where something changed, and the scroll position kept where the reader is.
import { day, explain, sameDay } from "../words.js";
import { Actions } from "./actions.js";
import { $, coalesce, h, say } from "./dom.js";
import { eventRow, messageRow, pendingRow } from "./message.js";
import { complain } from "./status.js";

const GROUP_WITHIN = 5 * 60_000; // ms between messages of one author that share a head
const AT_END = 48; // px from the end that count as at the end
const MOST_BACK = 2_000; // entries that are loaded to go back to one of them
const NEAR_START = 600; // px from the start where older messages are fetched

export class Timeline {
  #chat;
  #box = $("timeline");
  #list = $("messages");
  #actions;
  #rows = new Map(); // key → {signature, element}
  #pinned = true; // the reader is at the end, and stays there
  #arriving = true; // the room was just opened: the place to begin at is not found yet
  #asked = new Set(); // quoted messages that were asked for

  // What rows and the toolbar may do.
  #act = {
    react: (item, emoji, remove) => this.#chat.react(this.#chat.current, item.seq, emoji, remove).catch(complain),
    reach: (seq) => this.#reach(this.#chat.room, seq),
  };

  update = coalesce(() => this.#draw());

  /** compose has reply(item) and edit(item). */
  constructor(chat, compose) {
    this.#chat = chat;
    chat.seeing = () => this.#seeing();
    this.#actions = new Actions({ box: this.#box, chat, compose, react: this.#act.react });
    this.#box.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    for (const type of ["wheel", "touchmove", "keydown"]) this.#box.addEventListener(type, () => { this.#arriving = false; }, { passive: true });
    document.addEventListener("visibilitychange", () => this.#look());
    $("jump").addEventListener("click", () => this.toEnd());
    const resized = new ResizeObserver(() => this.#pinned && !this.#arriving && this.#scrollToEnd());
    resized.observe(this.#box);
    resized.observe(this.#list);
  }

  /** Another room is open now. */
  turn() {
    this.#rows.clear();
    this.#list.replaceChildren();
    this.#asked.clear();
    this.#actions.leave();
    this.#pinned = true;
    this.#arriving = true;
    this.update();
  }

  /** Goes to a message of the open room. Resolves to whether it could: one too far back is not loaded. */
  async reach(seq) {
    const { room } = this.#chat;
    if (!room.log.has(seq) && room.log.oldest - seq > MOST_BACK) return false;
    this.#arriving = false;
    this.#pinned = false;
    this.#draw();
    await this.#reach(room, seq);
    return room.log.has(seq);
  }

  /** Goes to the newest message and stays at the end. */
  toEnd() {
    this.#arriving = false;
    this.#pinned = true;
    this.#scrollToEnd();
    this.update();
  }

  #draw() {
    const { room } = this.#chat;
    this.#drawEmpty(room);
    $("jump").hidden = true;
    if (!room) return;
    const keep = this.#anchor();
    this.#place(this.#plan(room));
    this.#drawHistory(room);
    if (this.#arriving) this.#begin(room);
    else if (this.#pinned) this.#scrollToEnd();
    else keep();
    $("jump").hidden = this.#pinned;
    say($("jump-text"), room.unread ? `${room.unread} new` : "Newest");
    this.#look();
    if (room.joined && !this.#arriving) this.#fetch(room);
  }

  // What is to be seen, from above: each with its key, a signature of all that it shows, and how to draw it.
  #plan(room) {
    const plan = [];
    const add = (key, signature, draw) => plan.push({ key, signature, draw });
    let above = null; // the message above, where the next may follow without a head
    let lastDay = null;
    let divided = !room.divider || (room.divider < room.log.oldest - 1 && !room.log.complete);
    const dayOf = (at) => {
      if (lastDay && sameDay(lastDay, at)) return;
      lastDay = at;
      above = null;
      add(`day ${at.toDateString()}`, day(at), () => h("li.day", {}, h("h3", {}, day(at))));
    };
    for (const item of room.log.items) {
      dayOf(item.at);
      if (!divided && item.seq > room.divider && item.author.id !== this.#chat.me.id) {
        divided = true;
        above = null;
        add("new", "", () => h("li.divider", { id: "divider" }, h("span", {}, "New")));
      }
      if (item.type === "message") above = this.#planMessage(room, item, above, add);
      else {
        above = null;
        add(`entry ${item.seq}`, "", () => eventRow(item, (user) => this.#chat.name(user)));
      }
    }
    for (const item of this.#chat.outbox.in(room.id)) {
      dayOf(item.at);
      const grouped = follows(above, { ...item, author: this.#chat.me });
      above = { author: this.#chat.me, at: item.at };
      add(`pending ${item.key}`, `${item.stage} ${grouped}`, () => pendingRow(item, { chat: this.#chat, room, grouped, act: this.#act }));
    }
    return plan;
  }

  #planMessage(room, item, above, add) {
    const grouped = follows(above, item);
    const quoted = item.replyTo && room.log.message(item.replyTo);
    if (item.replyTo && !quoted) this.#askQuoted(room, item.replyTo);
    const signature = [item.version, grouped, room.writable, quoted?.version ?? ""].join(" ");
    add(`entry ${item.seq}`, signature, () => messageRow(item, { chat: this.#chat, room, grouped, act: this.#act }));
    return item;
  }

  #place(plan) {
    const present = new Set(plan.map(({ key }) => key));
    for (const [key, row] of this.#rows) {
      if (present.has(key)) continue;
      row.element.remove();
      this.#rows.delete(key);
    }
    let next = this.#list.firstChild;
    for (const { key, signature, draw } of plan) {
      const row = this.#rows.get(key);
      let element = row?.element;
      if (row?.signature !== signature) {
        element = draw();
        if (row) next = this.#replace(row.element, element, next);
        this.#rows.set(key, { signature, element });
      }
      if (element === next) next = next.nextSibling;
      else this.#list.insertBefore(element, next);
    }
    this.#actions.settle();
  }

  // Puts a row in another's place, with the focus that was in it.
  #replace(old, element, next) {
    const focused = old.contains(document.activeElement);
    this.#actions.letGo(old);
    old.replaceWith(element);
    if (focused) element.querySelector("article")?.focus({ preventScroll: true });
    return next === old ? element : next;
  }

  #drawEmpty(room) {
    const empty = $("empty");
    const words = room ? (room.error && !room.joined ? explain(room.error) : "") : "Open a room, or name a new one: whoever comes in sees what was said there.";
    empty.hidden = !words;
    $("history").hidden = !room || Boolean(words);
    say(empty, words);
  }

  #drawHistory(room) {
    const { log, loading } = room;
    const state = loading ? "loading" : log.complete ? "complete" : log.missed ? "missed" : "more";
    const box = $("history");
    if (box.dataset.state === `${state} ${room.id}`) return;
    box.dataset.state = `${state} ${room.id}`;
    const load = (words) => h("button.quiet", { type: "button", onclick: () => this.#chat.older(room.id) }, words);
    switch (state) {
      case "loading": box.replaceChildren(h("p", {}, "Loading earlier messages…")); break;
      case "complete": box.replaceChildren(h("p", {}, room.joined ? `This is where ${room.title} begins.` : "")); break;
      case "missed": box.replaceChildren(h("p.missed", {}, "You were away for long: what was said before this is not loaded."), load("Load what you missed")); break;
      default: box.replaceChildren(load("Load earlier messages"));
    }
  }

  // ─── where the reader is ───

  // Remembers what stands at the top of the view; the function that it returns puts it there again.
  #anchor() {
    const top = this.#box.scrollTop;
    const anchor = [...this.#list.children].find((row) => row.offsetTop + row.offsetHeight > top);
    if (!anchor) return () => {};
    const offset = anchor.offsetTop - top;
    return () => { if (anchor.isConnected) this.#box.scrollTop = anchor.offsetTop - offset; };
  }

  // Where to begin in a room that was just opened: at what is new, or else at the end.
  #begin(room) {
    const divider = $("divider");
    if (divider) this.#box.scrollTop = divider.offsetTop - this.#box.clientHeight / 4;
    else this.#scrollToEnd();
    if (!room.joined || room.loading) return;
    this.#arriving = false;
    this.#pinned = this.#atEnd();
  }

  #scrolled() {
    if (this.#arriving) return;
    const pinned = this.#atEnd();
    if (pinned !== this.#pinned) {
      this.#pinned = pinned;
      this.update();
    }
    const { room } = this.#chat;
    if (room) this.#fetch(room);
  }

  #fetch(room) {
    if (this.#box.scrollTop < NEAR_START && !room.log.complete && !room.log.missed) this.#chat.older(room.id);
  }

  #atEnd() {
    return this.#box.scrollHeight - this.#box.scrollTop - this.#box.clientHeight < AT_END;
  }

  #scrollToEnd() {
    this.#box.scrollTop = this.#box.scrollHeight;
  }

  #seeing() {
    return this.#pinned && !this.#arriving && document.visibilityState === "visible";
  }

  #look() {
    if (this.#chat.current && this.#seeing()) this.#chat.see(this.#chat.current);
  }

  async #reach(room, seq) {
    if (!room.log.has(seq)) {
      this.#pinned = false;
      await this.#chat.reach(room.id, seq);
      this.#draw();
    }
    const article = this.#list.querySelector(`[data-seq="${seq}"]`);
    if (!article) return;
    article.scrollIntoView({ block: "center" });
    article.focus({ preventScroll: true });
    article.classList.add("found");
    article.addEventListener("animationend", () => article.classList.remove("found"), { once: true });
  }

  #askQuoted(room, seq) {
    if (seq >= room.log.oldest || this.#asked.has(seq) || !room.joined) return;
    this.#asked.add(seq);
    this.#chat.quote(room.id, seq).catch(() => this.#asked.delete(seq));
  }
}

function follows(above, item) {
  return Boolean(above) && above.author.id === item.author.id && item.at - above.at < GROUP_WITHIN && !item.replyTo;
}
