// What became of members and of the room, in words.
import type { MemberEntry, RoomEntry } from "@parley-chat/client";
import type { Desk } from "../desk/desk.ts";
import type { Word } from "../strings/index.ts";

const ROOM: Readonly<Record<string, Word>> = {
  published: "event.published", hidden: "event.hidden", archived: "event.archived", unarchived: "event.unarchived",
};

export function eventText(item: MemberEntry | RoomEntry, { words: t, client }: Desk): string {
  const who = t.who(item.author);
  if (item.type === "room") {
    if (item.change === "renamed") return t("event.renamed", { who, name: item.name ?? "" });
    const known = ROOM[item.change];
    return known ? t(known, { who }) : t("event.other", { who, what: item.change });
  }
  const whom = client.name(item.user);
  const self = item.user === item.author.id;
  switch (item.change) {
    case "joined": return self ? t("event.joined", { who }) : t("event.added", { who, whom });
    case "left": return self ? t("event.left", { who }) : t("event.removed", { who, whom });
    case "role": return t("event.role", { who, whom, role: t(`role.${item.role ?? "read"}`) });
    case "banned": return t("event.banned", { who, whom });
    default: return t("event.other", { who, what: (item as MemberEntry).change });
  }
}
