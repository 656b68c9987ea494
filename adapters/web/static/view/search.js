// Looks for messages, beside the room: a field, what was found with its words marked, and the way there.
import { explain, moment } from "../words.js";
import { $, h, say } from "./dom.js";

const NEIGHBOURS = 3; // entries around a message that is too far back to go to
const SHOWN_CHARS = 240; // of a message
const SHOWN_BEFORE = 60; // of them, before the first mark

export class Search {
  #chat;
  #go;
  #asked = 0; // the number of the last question: a late answer to one before is dropped

  /** `go(room, seq)` goes to a message. It resolves to whether it could. */
  constructor(chat, go) {
    this.#chat = chat;
    this.#go = go;
    $("search-toggle").addEventListener("click", () => this.#toggle($("search").hidden));
    $("search-close").addEventListener("click", () => this.#toggle(false));
    $("search").addEventListener("keydown", ({ key }) => key === "Escape" && this.#toggle(false));
    $("search-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#ask();
    });
  }

  /** What the service can do, or the open room, is another now. */
  update() {
    const can = Boolean(this.#chat.room?.joined) && this.#chat.features.includes("search");
    $("search-toggle").hidden = !can;
    if (!this.#chat.room) this.#show(false);
  }

  async #ask(cursor) {
    const q = $("search-q").value.trim();
    const room = $("search-all").checked ? undefined : this.#chat.current;
    const question = ++this.#asked;
    if (!cursor) $("search-hits").replaceChildren();
    $("search-more").replaceChildren();
    say($("search-about"), "Searching…");
    try {
      const page = await this.#chat.connection.request({ type: "search", q, room, cursor });
      if (question === this.#asked) this.#answer(page);
    } catch (error) {
      if (question === this.#asked) say($("search-about"), error.code === "invalid" ? `That is no search: ${error.message}.` : explain(error));
    }
  }

  #answer({ hits, next, behind }) {
    $("search-hits").append(...hits.map((hit) => this.#row(hit)));
    const count = $("search-hits").childElementCount;
    const found = count === 0 && !next ? "Nothing was found." : `${count}${next ? " or more" : ""} found.`;
    say($("search-about"), behind > 0 ? `${found} What was said last is not searched yet.` : found);
    if (next) $("search-more").append(h("button.quiet", { type: "button", onclick: () => this.#ask(next) }, "Find more"));
  }

  #row({ room, seq, entry, marks }) {
    const where = this.#chat.rooms.get(room)?.title ?? room;
    const button = h("button.hit", { type: "button" },
      h("span.hit-head", {}, h("b", { dir: "auto" }, entry.author.name), ` in ${where}, ${moment(new Date(entry.at))}`),
      h("span.hit-body", { dir: "auto" }, ...marked(entry.body, marks)));
    const row = h("li", {}, button);
    button.addEventListener("click", async () => {
      if (!(await this.#go(room, seq))) this.#around(row, room, seq);
    });
    return row;
  }

  // Shows a message among those around it, as it is too far back for the room to be loaded up to it.
  async #around(row, room, seq) {
    row.querySelector("ol")?.remove();
    try {
      const after = Math.max(0, seq - 1 - NEIGHBOURS);
      const { entries } = await this.#chat.connection.request({ type: "history", room, after, limit: 2 * NEIGHBOURS + 1 });
      const said = entries.filter(({ type }) => type === "message");
      row.append(h("ol.around", {}, ...said.map((entry) => h("li", entry.seq === seq ? { "aria-current": "true" } : {},
        h("b", { dir: "auto" }, entry.author.name), " ", h("span", { dir: "auto" }, entry.body ?? "Message deleted")))));
    } catch (error) {
      say($("search-about"), explain(error));
    }
  }

  #toggle(open) {
    this.#show(open);
    $(open ? "search-q" : "search-toggle").focus();
  }

  #show(open) {
    $("search").hidden = !open;
    $("search-toggle").setAttribute("aria-expanded", String(open));
  }
}

// A part of a body around its first mark, with what is marked in it. Places are counted in code points.
function marked(body, marks) {
  const chars = [...body];
  const from = Math.max(0, (marks[0]?.[0] ?? 0) - SHOWN_BEFORE);
  const to = Math.min(chars.length, from + SHOWN_CHARS);
  const text = (a, b) => chars.slice(a, b).join("");
  const parts = [from > 0 && "…"];
  let at = from;
  for (const [begin, end] of marks) {
    if (begin >= to) break;
    parts.push(text(at, begin), h("mark", {}, text(begin, Math.min(end, to))));
    at = Math.min(end, to);
  }
  parts.push(text(at, to), to < chars.length && "…");
  return parts.filter(Boolean);
}
