// What is pasted over words: an address makes them a link. All else is text as it is, as much of it as
// the field takes.
import type { Desk } from "../desk/desk.ts";
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

/** Says it where the browser will take only a part of a text, as it does not say so itself. */
export function tellCut(desk: Desk, { value, selectionStart: from, selectionEnd: to, maxLength }: Field & { readonly maxLength: number }, text: string): void {
  const over = value.length - (to - from) + text.replace(/\r\n/g, "\n").length - maxLength;
  if (over > 0) desk.say(desk.words("cut", { n: over }));
}
