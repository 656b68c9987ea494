// A room's log as far as it is loaded: the entries from `oldest` to `cursor`, without holes. Entries of the stream are applied in
// order and each once; changes set values. So a log that began anywhere ends in the same state as one that saw everything.

const CHANGES_KEPT = 500;

export class RoomLog {
  items = []; // what is to be shown, ascending: messages, member and room entries
  oldest = 1; // the first entry that is loaded
  cursor = 0; // the last entry that was applied; the stream goes on behind it
  missed = false; // what stands before `oldest` was missed, not merely not asked for

  #me;
  #bySeq = new Map();
  #quoted = new Map(); // messages from before `oldest`, loaded one by one because replies quote them
  #changes = []; // the newest changes: a page of history may be older than they are

  constructor(me, cursor = 0) {
    this.#me = me;
    this.begin(cursor + 1);
  }

  get complete() {
    return this.oldest <= 1;
  }

  /** Forgets everything; the stream starts at `from`. */
  begin(from, missed = false) {
    this.items = [];
    this.#bySeq.clear();
    this.#quoted.clear();
    this.#changes = [];
    this.oldest = from;
    this.cursor = from - 1;
    this.missed = missed;
  }

  /** The message at `seq`, or undefined where it is not loaded or is something else. */
  message(seq) {
    const item = this.#bySeq.get(seq) ?? this.#quoted.get(seq);
    return item?.type === "message" ? item : undefined;
  }

  has(seq) {
    return this.#bySeq.has(seq);
  }

  /** Applies the stream's next entry. Returns "applied", "known" if it was before, or "hole" if something before it is missing. */
  append(entry) {
    if (entry.seq <= this.cursor) return "known";
    if (entry.seq !== this.cursor + 1) return "hole";
    this.cursor = entry.seq;
    if (entry.target !== undefined) {
      this.#changes.push(entry);
      if (this.#changes.length > CHANGES_KEPT) this.#changes.shift();
      this.#change(entry);
      return "applied";
    }
    const item = this.#item(entry);
    if (item) {
      this.items.push(item);
      this.#bySeq.set(item.seq, item);
    }
    return "applied";
  }

  /** Puts a page of history before what is loaded. `before` is what the page was asked for: if the log has begun anew since, it is dropped. */
  prepend({ entries, more }, before) {
    if (before !== this.oldest) return;
    const older = entries.filter((entry) => entry.seq < before);
    const items = older.map((entry) => this.#item(entry)).filter(Boolean);
    for (const item of items) this.#bySeq.set(item.seq, item);
    this.items = [...items, ...this.items];
    this.oldest = more && older.length > 0 ? older[0].seq : 1;
    if (this.complete) this.missed = false;
    this.#catchUp(items);
  }

  /** Keeps a single message from before `oldest`, so that a reply can quote it. */
  quote(entry) {
    const item = this.#item(entry);
    if (!item || this.#bySeq.has(item.seq)) return;
    this.#quoted.set(item.seq, item);
    this.#catchUp([item]);
  }

  /** Drops what is oldest but `keep` items; history has it still. */
  trim(keep) {
    if (this.items.length <= keep) return;
    const dropped = this.items.splice(0, this.items.length - keep);
    for (const item of dropped) this.#bySeq.delete(item.seq);
    this.oldest = this.items[0].seq;
  }

  // A page shows messages as they were when the store was read; what the stream told since is applied again.
  #catchUp(items) {
    const seqs = new Set(items.map((item) => item.seq));
    this.#changes.filter((entry) => seqs.has(entry.target)).forEach((entry) => this.#change(entry));
  }

  #change(entry) {
    for (const messages of [this.#bySeq, this.#quoted]) {
      const message = messages.get(entry.target);
      if (message?.type !== "message") continue;
      applyChange(message, entry, entry.author.id === this.#me);
      message.version++;
    }
  }

  #item(entry) {
    const { type, seq, author } = entry;
    const item = { type, seq, author, at: new Date(entry.at), version: 0 };
    switch (type) {
      case "message":
        return Object.assign(item, {
          key: entry.key,
          body: entry.body ?? "",
          replyTo: entry.reply_to,
          editedAt: entry.edited_at && new Date(entry.edited_at),
          deletedAt: entry.deleted_at && new Date(entry.deleted_at),
          reactions: (entry.reactions ?? []).map((r) => ({ emoji: r.emoji, count: r.count, me: Boolean(r.me) })),
        });
      case "member":
        return Object.assign(item, { user: entry.user, change: entry.change, role: entry.role });
      case "room":
        return Object.assign(item, { change: entry.change, name: entry.name });
      default: // a change, or something newer than this page: nothing to show
        return null;
    }
  }
}

function applyChange(message, entry, mine) {
  switch (entry.type) {
    case "edited":
      // Without a body the message was deleted since; that entry is on its way.
      if (message.deletedAt || entry.body === undefined) return;
      message.body = entry.body;
      message.editedAt = new Date(entry.at);
      return;
    case "deleted":
      message.body = "";
      message.deletedAt ??= new Date(entry.at);
      return;
    case "reacted":
      setReaction(message, entry, mine);
  }
}

function setReaction(message, { emoji, count, removed }, mine) {
  const known = message.reactions.find((reaction) => reaction.emoji === emoji);
  const me = mine ? !removed : Boolean(known?.me);
  if (!count) message.reactions = message.reactions.filter((reaction) => reaction !== known);
  else if (known) Object.assign(known, { count, me });
  else message.reactions.push({ emoji, count, me });
}
