// Messages that are not in the log yet. Each has a key; it is sent again with the same key until the service says that it is
// stored, so that it is there once however often the connection breaks. One at a time per room, so that they keep their order.

export const Stage = Object.freeze({
  pending: "pending", // to be sent, or on its way
  stored: "stored", // durable at `seq`; the entry itself is still to come
  failed: "failed", // the service said no: `error`
});

const RETRY_AFTER = 2_000; // ms, where the service does not say
const PASSING = new Set(["rate_limited", "unavailable"]); // errors that go by themselves

/** A random key; crypto.randomUUID is missing where the page does not come by https. */
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export class Outbox {
  #request; // (frame) → promise of its ok
  #applied; // (room, seq) → whether the log has that entry already
  #changed; // (room): what waits there is another
  #store; // {load() → items, save(items)}
  #items = [];
  #busy = new Set(); // rooms that wait for an answer

  constructor({ request, applied, changed, store }) {
    this.#request = request;
    this.#applied = applied;
    this.#changed = changed;
    this.#store = store;
    this.#items = store.load().map((item) => ({ ...item, at: new Date(item.at), stage: Stage.pending }));
  }

  in(room) {
    return this.#items.filter((item) => item.room === room);
  }

  get rooms() {
    return [...new Set(this.#items.map((item) => item.room))];
  }

  add(room, body, replyTo) {
    this.#items.push({ key: newKey(), room, body, replyTo, at: new Date(), stage: Stage.pending });
    this.#update(room);
    this.flush(room);
  }

  retry(key) {
    const item = this.#items.find((one) => one.key === key);
    if (!item) return;
    Object.assign(item, { stage: Stage.pending, error: null });
    this.#update(item.room);
    this.flush(item.room);
  }

  discard(key) {
    this.#drop((item) => item.key === key);
  }

  /** The log has applied the entry: what waited for it is done. */
  seen(entry, mine) {
    this.#drop((item) => item.room === entry.room && (item.seq === entry.seq || (mine && item.key === entry.key)));
  }

  /** Sends what is pending in the room, one after the other. Call it whenever the room is joined. */
  async flush(room) {
    if (this.#busy.has(room)) return;
    this.#busy.add(room);
    try {
      for (let item; (item = this.#next(room)); ) {
        if (!(await this.#send(item))) break;
      }
    } finally {
      this.#busy.delete(room);
    }
  }

  #next(room) {
    return this.#items.find((item) => item.room === room && item.stage === Stage.pending);
  }

  // Returns whether the next one may go.
  async #send(item) {
    const { room, key, body, replyTo } = item;
    try {
      const { seq } = await this.#request({ type: "send", room, key, body, ...(replyTo && { reply_to: replyTo }) });
      if (this.#applied(room, seq)) {
        this.discard(key);
      } else {
        Object.assign(item, { stage: Stage.stored, seq });
        this.#update(room);
      }
      return true;
    } catch (error) {
      if (error.code === "unanswered") return false; // the next connection sends it again
      if (PASSING.has(error.code)) {
        setTimeout(() => this.flush(room), error.retryAfter ?? RETRY_AFTER);
        return false;
      }
      Object.assign(item, { stage: Stage.failed, error });
      this.#update(room);
      return true;
    }
  }

  #drop(which) {
    const dropped = this.#items.filter(which);
    if (dropped.length === 0) return;
    this.#items = this.#items.filter((item) => !dropped.includes(item));
    new Set(dropped.map((item) => item.room)).forEach((room) => this.#update(room));
  }

  #update(room) {
    this.#store.save(this.#items.filter((item) => item.stage !== Stage.stored)
      .map((item) => ({ key: item.key, room: item.room, body: item.body, replyTo: item.replyTo, at: item.at })));
    this.#changed(room);
  }
}
