// Ids of rooms, made from what people call them.
const LONGEST = 64;

export const isRoomId = (id: string): boolean => /^[a-z0-9][a-z0-9._:-]{0,63}$/.test(id);

// Cyrillic letters in Latin ones, so that such a room has an address that can be read.
const LETTERS: Readonly<Record<string, string>> = {
  а: "a", б: "b", в: "v", г: "g", д: "d", е: "e", ё: "e", ж: "zh", з: "z", и: "i", й: "y", к: "k", л: "l", м: "m", н: "n", о: "o", п: "p", р: "r", с: "s",
  т: "t", у: "u", ф: "f", х: "h", ц: "ts", ч: "ch", ш: "sh", щ: "sch", ъ: "", ы: "y", ь: "", э: "e", ю: "yu", я: "ya", ß: "ss", æ: "ae", ø: "o", ł: "l", đ: "d",
};

/** The id that a title gives, or "" where it has no letter that could be in one. */
export function toRoomId(title: string): string {
  const latin = [...title.toLowerCase()].map((char) => LETTERS[char] ?? char).join("").normalize("NFKD").replace(/\p{M}/gu, "");
  return latin.replace(/^#/, "").replace(/[^a-z0-9._:]+/g, "-").replace(/^[^a-z0-9]+/, "").slice(0, LONGEST).replace(/[-._:]+$/, "");
}

/** An id for a title that gives none. */
export const anyRoomId = (): string => `room-${[...crypto.getRandomValues(new Uint8Array(5))].map((byte) => (byte % 36).toString(36)).join("")}`;
