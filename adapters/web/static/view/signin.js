// Signing in: by a name in development mode, else by a token.
import * as session from "../session.js";
import { $, say } from "./dom.js";

export class SignIn {
  #development = false;
  #locked = false; // it is development mode, and the page was opened without its key
  #byToken = false;
  #wrongKey;
  #signedIn;

  /**
   * wrongKey tells, in a promise, whether the page's address had a key that was not the service's. signedIn(token) is called with a token
   * that the service has not judged yet.
   */
  constructor(wrongKey, signedIn) {
    this.#wrongKey = wrongKey;
    this.#signedIn = signedIn;
    $("signin").querySelector("form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    $("signin-other").addEventListener("click", () => this.#choose(!this.#byToken));
  }

  /** Shows the form; `fault` says why it is there again. */
  async show(fault = "") {
    $("signin").hidden = false;
    $("signin-token").value = "";
    document.title = "Sign in · Parley";
    say($("signin-fault"), fault);
    const wrongKey = await this.#wrongKey;
    this.#wrongKey = false; // it is said once
    try {
      this.#development = (await session.settings()).development;
    } catch {
      say($("signin-fault"), "The service cannot be reached.");
    }
    this.#locked = this.#development && !session.pageKey.get();
    if (wrongKey && !fault) {
      say($("signin-fault"), this.#locked
        ? "The key in the address was not this service’s: it is another’s, or was cut off."
        : "The key in the address was not this service’s. The one that this browser had is still here: go on with that.");
    }
    this.#choose(!this.#development || this.#locked);
  }

  hide() {
    $("signin").hidden = true;
  }

  #choose(byToken) {
    this.#byToken = byToken;
    $("by-name").hidden = byToken;
    $("by-token").hidden = !byToken;
    $("signin-locked").hidden = !this.#locked;
    say($("signin-lead"), this.#locked
      ? "Or paste a token: “parley token” makes one, where the service was started."
      : byToken
      ? "Paste the access token that your product gave you."
      : "Development mode: choose a name, and the service makes a token for it.");
    $("signin-other").hidden = !this.#development || this.#locked;
    say($("signin-other"), byToken ? "Choose a name instead" : "Use a token instead");
    $(byToken ? "signin-token" : "signin-name").focus();
  }

  async #submit() {
    const field = $(this.#byToken ? "signin-token" : "signin-name");
    const value = field.value.trim();
    if (!value) {
      this.#fail(field, this.#byToken ? "Paste a token first." : "Say who you are first.");
      return;
    }
    say($("signin-fault"), "");
    field.removeAttribute("aria-invalid");
    try {
      this.#signedIn(this.#byToken ? value.replace(/^Bearer\s+/i, "") : await session.developmentToken(userID(value), value));
    } catch (error) {
      if (error.status === 403 && !this.#byToken) {
        this.show();
        return;
      }
      this.#fail(field, `That did not work: ${error.message}.`);
    }
  }

  #fail(field, words) {
    say($("signin-fault"), words);
    field.setAttribute("aria-invalid", "true");
    field.focus();
  }
}

// "Ada Lovelace" is ada-lovelace: the same name is the same user again.
const userID = (name) => name.toLowerCase().replace(/\s+/g, "-");
