// What is pasted over words: an address makes them a link. All else is text as it is.
import { safe } from "../message/markdown.ts";

interface Field {
  readonly value: string;
  readonly selectionStart: number;
  readonly selectionEnd: number;
}

/** The whole text after the address was pasted, or nothing where it goes in as it is. */
export function pasted({ value, selectionStart: from, selectionEnd: to }: Field, text: string): { text: string; caret: number } | undefined {
  const address = text.trim();
  const words = value.slice(from, to);
  if (!words.trim() || /[\n\][]/.test(words) || /\s/.test(address) || !/^https?:/.test(address) || !safe(address)) return undefined;
  const link = `[${words}](${address.replace(/\)/g, "%29")})`;
  return { text: value.slice(0, from) + link + value.slice(to), caret: from + link.length };
}
