// The page's title: with a count while the page is hidden and something is unread.
const PREFIX = /^\(\d+\+?\) /;
const MOST = 999;

class Title {
  #counts = new Map<object, number>();
  #listens = false;

  /** What the owner has unread. */
  set(owner: object, count: number): void {
    if (count > 0) this.#counts.set(owner, count);
    else this.#counts.delete(owner);
    if (!this.#listens) {
      this.#listens = true;
      document.addEventListener("visibilitychange", () => this.#show());
    }
    this.#show();
  }

  #show(): void {
    // Elements that share a client count the same messages.
    const count = Math.max(0, ...this.#counts.values());
    const bare = document.title.replace(PREFIX, "");
    const counted = count > 0 && document.visibilityState !== "visible";
    const now = counted ? `(${count > MOST ? `${MOST}+` : count}) ${bare}` : bare;
    if (document.title !== now) document.title = now;
  }
}

export const title = new Title();
