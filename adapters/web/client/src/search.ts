// Search in messages, where the service has it.
import { need } from "./errors.ts";
import type { Host } from "./host.ts";
import { toMessage, type Message } from "./message.ts";
import type { MessageEntry } from "./protocol.ts";

export interface SearchOptions {
  /** Only in this room; without it, in all of mine. */
  readonly room?: string;
  /** In public rooms too; not together with `room`. */
  readonly public?: boolean;
  readonly author?: string;
  /** Made at this time or later, RFC 3339. */
  readonly from?: string;
  /** Made before this time. */
  readonly to?: string;
  readonly has?: "link";
  /** At most so many hits, 1–50; 20 unless given. */
  readonly limit?: number;
  /** The `next` of the page before, with all else as it was. */
  readonly cursor?: string;
}

export interface Hit {
  readonly room: string;
  /** In its present form. */
  readonly message: Message;
  /** Where in the body something is that was asked for, as `slice` takes it. */
  readonly marks: readonly { readonly from: number; readonly to: number }[];
}

export interface Found {
  /** The newest first. There may be more even where there are none: see `next`. */
  readonly hits: readonly Hit[];
  readonly next: string | undefined;
  /** I have more rooms than were searched. */
  readonly truncated: boolean;
  /** How many entries are so new that they were not searched. */
  readonly behind: number;
}

/** See `client.search`. */
export async function search(host: Host, q: string, options: SearchOptions = {}): Promise<Found> {
  need(host, "search");
  const { public: open, ...rest } = options;
  const query = { q: q || undefined, ...rest, public: open ? "true" : undefined };
  const { hits, next, truncated = false, behind } = await host.http_.ask_("GET", "v1/search", { query });
  return { hits: hits.map((hit: RawHit) => toHit(hit, host.me_.id)), next, truncated, behind };
}

interface RawHit {
  readonly room: string;
  readonly entry: MessageEntry;
  readonly marks: readonly [from: number, to: number][];
}

// The service counts code points, strings count halves of those beyond U+FFFF.
function toHit({ room, entry, marks }: RawHit, me: string): Hit {
  const at = [0];
  for (const char of entry.body ?? "") at.push(at.at(-1)! + char.length);
  return { room, message: toMessage(entry, me), marks: marks.map(([from, to]) => ({ from: at[from] ?? 0, to: at[to] ?? at.at(-1)! })) };
}
