// Signing in: by a name in development mode, else by a token.
import { $, say } from "./dom.ts";
import { pageKey } from "./key.ts";
import { HTTPError, isDevelopment } from "./service.ts";
import { tokenFor, type Session } from "./session.ts";
import { t } from "./words.ts";

export class SignIn {
  #development = false;
  #locked = false; // it is development mode, and the page was opened without its key
  #byToken = false;
  #wrongKey: Promise<boolean> | false;
  #signedIn: (session: Session) => void;

  /**
   * wrongKey tells whether the page's address had a key that was not the service's. signedIn is called
   * with a token that the service has not judged yet.
   */
  constructor(wrongKey: Promise<boolean>, signedIn: (session: Session) => void) {
    this.#wrongKey = wrongKey;
    this.#signedIn = signedIn;
    $("signin").querySelector("form")!.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#submit();
    });
    $("signin-other").addEventListener("click", () => this.#choose(!this.#byToken));
  }

  /** Shows the form; `fault` says why it is there again. */
  async show(fault = ""): Promise<void> {
    $("signin").hidden = false;
    $<HTMLTextAreaElement>("signin-token").value = "";
    document.title = `${t("signin")} · Parley`;
    say($("signin-fault"), fault);
    const wrongKey = await this.#wrongKey;
    this.#wrongKey = false; // it is said once
    try {
      this.#development = await isDevelopment();
    } catch {
      say($("signin-fault"), t("unreachable"));
    }
    this.#locked = this.#development && !pageKey.get();
    if (wrongKey && !fault) {
      say($("signin-fault"), t(this.#locked ? "key.wrong" : "key.kept"));
    }
    this.#choose(!this.#development || this.#locked);
  }

  hide(): void {
    $("signin").hidden = true;
  }

  #choose(byToken: boolean): void {
    this.#byToken = byToken;
    $("by-name").hidden = byToken;
    $("by-token").hidden = !byToken;
    $("signin-locked").hidden = !this.#locked;
    say($("signin-lead"), t(this.#locked ? "lead.locked" : byToken ? "lead.token" : "lead.name"));
    $("signin-other").hidden = !this.#development || this.#locked;
    say($("signin-other"), t(byToken ? "by.name" : "by.token"));
    $(byToken ? "signin-token" : "signin-name").focus();
  }

  async #submit(): Promise<void> {
    const field = $<HTMLInputElement | HTMLTextAreaElement>(this.#byToken ? "signin-token" : "signin-name");
    const value = field.value.trim();
    if (!value) {
      this.#fail(field, t(this.#byToken ? "no.token" : "no.name"));
      return;
    }
    say($("signin-fault"), "");
    field.removeAttribute("aria-invalid");
    try {
      this.#signedIn(this.#byToken ? { token: value.replace(/^Bearer\s+/i, "") } : { token: await tokenFor(value), name: value });
    } catch (thrown) {
      if (thrown instanceof HTTPError && thrown.status === 403 && !this.#byToken) {
        void this.show();
        return;
      }
      this.#fail(field, t("failed", (thrown as Error).message));
    }
  }

  #fail(field: HTMLElement, words: string): void {
    say($("signin-fault"), words);
    field.setAttribute("aria-invalid", "true");
    field.focus();
  }
}
