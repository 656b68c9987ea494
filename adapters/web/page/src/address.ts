// The address: #room, or #room/seq for a message.

export interface Place {
  readonly room: string | undefined;
  readonly seq: number | undefined;
}

const ROOM_ID = /^[a-z0-9][a-z0-9._:-]{0,63}$/; // as in core/chat

/** The place that a fragment names; none, where it names none. */
export function place(fragment: string): Place {
  const [name = "", number = ""] = decoded(fragment.replace(/^#/, "")).split("/");
  const room = name.trim().toLowerCase().replace(/\s+/g, "-");
  if (!ROOM_ID.test(room)) return { room: undefined, seq: undefined };
  return { room, seq: /^[1-9]\d{0,15}$/.test(number) ? Number(number) : undefined };
}

// Anybody may write an address, also one that is not well formed.
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}

/** The address of a message. */
export function link(room: string, seq: number): string {
  const url = new URL(location.href);
  url.hash = `${room}/${seq}`;
  return url.href;
}
