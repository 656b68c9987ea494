// One row of the timeline: a message, one that is still on its way, or a line about the room.
import { Stage } from "../outbox.js";
import { clock, event, explain, moment } from "../words.js";
import { avatar, h, hue } from "./dom.js";

const LINK = /\bhttps?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)\]}]/g;
const QUOTE_CHARS = 140;

/** The row of a message. `grouped` says that it follows one by the same author; `act` are the things that may be done to it. */
export function messageRow(item, { chat, room, grouped, act }) {
  const mine = item.author.id === chat.me.id;
  const article = h("article.message", { tabIndex: -1, "aria-label": label(item) });
  article.dataset.seq = item.seq;
  article.classList.toggle("grouped", grouped);
  article.classList.toggle("mine", mine);
  const main = h("div.main", {});
  if (grouped) {
    article.append(h("span.gutter", { "aria-hidden": "true" }, stamp(item.at)));
  } else {
    article.append(avatar(item.author.id, item.author.name));
    main.append(head(item.author, item.at));
  }
  if (item.replyTo) main.append(quote(item, { chat, room, act }));
  main.append(body(item));
  if (item.reactions.length > 0) main.append(reactions(item, { room, act }));
  article.append(main);
  return h("li", {}, article);
}

/** The row of a message in the outbox. */
export function pendingRow(item, { chat, room, grouped, act }) {
  const how = item.stage === Stage.failed ? "not sent" : "sending";
  const article = h("article.message.mine.pending", { "aria-label": `You, ${how}: ${item.body}` });
  article.classList.toggle("grouped", grouped);
  const main = h("div.main", {});
  if (grouped) {
    article.append(h("span.gutter", {}));
  } else {
    article.append(avatar(chat.me.id, chat.me.name || chat.me.id));
    main.append(head({ id: chat.me.id, name: chat.me.name || chat.me.id }, item.at));
  }
  if (item.replyTo) main.append(quote(item, { chat, room, act }));
  main.append(h("p.body", { dir: "auto" }, ...linked(item.body)));
  if (item.stage === Stage.failed) main.append(failure(item, chat));
  else if (item.stage === Stage.pending) main.append(h("p.note", {}, "Sending…"));
  article.append(main);
  article.classList.toggle("failed", item.stage === Stage.failed);
  return h("li", {}, article);
}

/** The row of a member or room entry. */
export function eventRow(item, name) {
  return h("li.event", {}, h("span", { dir: "auto" }, event(item, name)), stamp(item.at));
}

/** What a message says in one line. */
export function gist(item) {
  if (item.deletedAt) return "Message deleted";
  const line = item.body.replace(/\s+/g, " ");
  return line.length > QUOTE_CHARS ? `${line.slice(0, QUOTE_CHARS)}…` : line;
}

function label(item) {
  return `${item.author.name}, ${clock(item.at)}: ${item.deletedAt ? "message deleted" : item.body}${item.editedAt && !item.deletedAt ? " (edited)" : ""}`;
}

function head(author, at) {
  const name = h("span.author", { title: author.id, dir: "auto" }, author.name);
  name.style.setProperty("--hue", hue(author.id));
  return h("p.head", {}, name, stamp(at));
}

function stamp(at) {
  return h("time", { dateTime: at.toISOString(), title: moment(at) }, clock(at));
}

function body(item) {
  if (item.deletedAt) return h("p.body.deleted", { title: moment(item.deletedAt) }, "Message deleted");
  const edited = item.editedAt && h("span.edited", { title: moment(item.editedAt) }, "edited");
  return h("p.body", { dir: "auto" }, ...linked(item.body), edited);
}

// The text with its addresses as links.
function linked(text) {
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(LINK)) {
    parts.push(text.slice(end, match.index), h("a", { href: match[0], target: "_blank", rel: "noopener noreferrer nofollow" }, match[0]));
    end = match.index + match[0].length;
  }
  return [...parts, text.slice(end)];
}

function quote(item, { chat, room, act }) {
  const target = room.log.message(item.replyTo);
  const words = target ? gist(target) : "an earlier message";
  const who = target ? target.author.name : "";
  const mine = target?.author.id === chat.me.id;
  return h("button.quote", { type: "button", title: "Go to that message", onclick: () => act.reach(item.replyTo) },
    h("span.unseen", {}, "In reply to "), h("b", { dir: "auto" }, mine ? "you" : who), who && " ", h("span", { dir: "auto" }, words));
}

function reactions(item, { room, act }) {
  const list = item.reactions.map(({ emoji, count, me }) => h("li", {}, h("button.reaction", {
    type: "button",
    "aria-pressed": String(me),
    disabled: Boolean(item.deletedAt) || !room.writable,
    title: me ? "Take back" : `React with ${emoji}`,
    onclick: () => act.react(item, emoji, me),
  }, h("span.glyph", {}, emoji), " ", h("span.count", {}, String(count)))));
  return h("ul.reactions", { "aria-label": "Reactions" }, ...list);
}

function failure(item, chat) {
  return h("p.note.fault", {}, `Not sent. ${explain(item.error)} `,
    h("button.link", { type: "button", onclick: () => chat.outbox.retry(item.key) }, "Try again"), " ",
    h("button.link", { type: "button", onclick: () => chat.outbox.discard(item.key) }, "Discard"));
}
