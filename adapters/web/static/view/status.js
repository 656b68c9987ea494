// What the page says about itself: the connection's state, errors, and new messages to those who listen.
import { State } from "../connection.js";
import { connectionWords, explain, SHORT } from "../words.js";
import { $, h, say } from "./dom.js";

const BANNER_AFTER = 800; // ms: an interruption shorter than that is nobody's business
const TOAST_LASTS = 8_000;
const ANNOUNCED = 20; // messages kept in the announcer

export class Status {
  #connection;
  #timer = 0;
  #ticker = 0;

  constructor(connection) {
    this.#connection = connection;
    $("banner-retry").addEventListener("click", () => connection.wake());
  }

  update() {
    const { state } = this.#connection;
    $("state").dataset.state = state;
    say($("state"), SHORT[state]);
    if (state === State.open) {
      clearTimeout(this.#timer);
      clearInterval(this.#ticker);
      this.#timer = this.#ticker = 0;
      $("banner").hidden = true;
      say($("banner-text"), "");
    } else if ($("banner").hidden) {
      this.#timer ||= setTimeout(() => this.#raise(), BANNER_AFTER);
    } else {
      this.#tell();
    }
  }

  #raise() {
    $("banner").hidden = false;
    this.#ticker = setInterval(() => this.#tell(), 1_000);
    this.#tell();
  }

  #tell() {
    const { state, retryAt } = this.#connection;
    const seconds = Math.ceil((retryAt - Date.now()) / 1000);
    say($("banner-text"), `${connectionWords(this.#connection)}${state === State.waiting ? ". What you write is sent later." : ""}`);
    say($("banner-wait"), state === State.waiting && seconds > 1 ? `Next try in ${seconds} s` : "");
    $("banner-retry").hidden = state !== State.waiting;
  }
}

/** Shows an error for a while. */
export function complain(error) {
  const words = explain(error);
  const toasts = $("toasts");
  if ([...toasts.children].some((one) => one.firstChild.textContent === words)) return;
  const toast = h("p.toast", {}, h("span", {}, words));
  const dismiss = () => toast.remove();
  toast.append(h("button.link", { type: "button", onclick: dismiss }, "Dismiss"));
  toasts.append(toast);
  setTimeout(dismiss, TOAST_LASTS);
}

/** Speaks to screen readers, and to nobody else. */
export function announce(words) {
  const announcer = $("announcer");
  announcer.append(h("span", {}, `${words} `));
  while (announcer.children.length > ANNOUNCED) announcer.firstChild.remove();
}
