// Words in the reader's language.
import { ParleyError } from "@parley-chat/client";
import { en, type Strings } from "./en.ts";

export type { Strings } from "./en.ts";

/** A word of the elements. */
export type Word = keyof Strings;

/** A text with `{names}` in it, or one for each form that the language has for a number, `n`. */
export type Text = string | { readonly [form in Intl.LDMLPluralRule]?: string };

const english: Partial<Strings> = { ...en };
const loaded = new Map<string, Partial<Strings>>([["en", english]]);

/** There are more words in English. */
export const extend = (words: Partial<Strings>): void => void Object.assign(english, words);
const others: Readonly<Record<string, () => Promise<Strings>>> = {
  de: async () => (await import("./de.ts")).de,
  ru: async () => (await import("./ru.ts")).ru,
};

const main = (lang: string): string => valid(lang).split("-")[0]!;

/** Loads the words of a language, if there are any. Without them, English is spoken. */
export async function learn(lang: string): Promise<void> {
  const load = others[main(lang)];
  if (!load || loaded.has(main(lang))) return;
  try {
    // A node of another version may have given them: words that it does not have are in English.
    loaded.set(main(lang), await load());
  } catch { /* the next element tries again */ }
}

type Values = Readonly<Record<string, string | number | readonly string[]>>;

export interface Speaker {
  /** Texts among the values are isolated from the sentence around them; several are a list. */
  (word: Word, values?: Values): string;
  /** That of the words. */
  readonly lang: string;
  /** What somebody is called: the service's own author has a word for a name. */
  who(somebody: { readonly id: string; readonly name: string }): string;
  fault(thrown: unknown): string;
  clock(at: string): string;
  moment(at: string): string;
  /** A day as a heading: today, yesterday, a weekday, a date. */
  day(at: Date, now?: Date): string;
  /** When something happened, as short as can be. */
  ago(at: string, now?: Date): string;
}

const SYSTEM = "~system"; // the author of what the service says for no user
const DAY = 86_400_000; // ms
const LISTED = 3; // names at most

/** Speaks the language, or English where there are no words in it; `own` counts before those. */
export function speaker(lang: string, own: Partial<Strings> = {}): Speaker {
  const tag = valid(lang);
  const spoken = loaded.get(main(lang));
  const words = [own, spoken ?? {}, english];
  const forms = new Intl.PluralRules(tag);
  const numbers = new Intl.NumberFormat(tag);
  const time = (options: Intl.DateTimeFormatOptions) => {
    const format = new Intl.DateTimeFormat(tag, options);
    let last: string | Date, said = ""; // many ask twice
    return (at: string | Date) => (at === last ? said : (said = format.format(new Date((last = at)))));
  };
  const [clock, moment] = [time({ hour: "numeric", minute: "2-digit" }), time({ dateStyle: "full", timeStyle: "medium" })];
  const weekday = time({ weekday: "long", day: "numeric", month: "long" });
  const [long, short] = [time({ day: "numeric", month: "long", year: "numeric" }), time({ day: "numeric", month: "short" })];
  const numeric = time({ day: "2-digit", month: "2-digit", year: "2-digit" });
  const near = time({ weekday: "short" });

  const list = (names: readonly string[]) => {
    const shown = names.map(isolated);
    if (shown.length > LISTED) shown.splice(LISTED - 1, Infinity, speak("others", { n: names.length - LISTED + 1 }));
    return new Intl.ListFormat(tag).format(shown);
  };
  const speak = (word: Word, values: Values = {}): string => {
    const text: Text = words.find((some) => some[word] !== undefined)?.[word] ?? word;
    const form = typeof text === "string" ? text : (text[forms.select(Number(values["n"]))] ?? text.other ?? "");
    const filled = form.replace(/\{(\w+)\}/g, (_, name: string) => {
      const value = values[name] ?? "";
      return typeof value === "number" ? numbers.format(value) : typeof value === "string" ? value && isolated(value) : list(value);
    });
    return filled === form ? form : alone(filled); // a sentence keeps its order where lines run the other way
  };
  return Object.assign(speak, {
    lang: spoken || Object.keys(own).length ? tag : "en",
    who: ({ id, name }: { id: string; name: string }) => (id === SYSTEM ? speak("system") : name),
    fault: (thrown: unknown) => {
      if (!(thrown instanceof ParleyError)) return speak("fault.other", { why: String(thrown) });
      const word = `fault.${thrown.code === "stopped" ? "unanswered" : thrown.code}` as Word;
      return word in english ? speak(word) : speak("fault.other", { why: thrown.message });
    },
    clock,
    moment,
    day: (at: Date, now = new Date()) => {
      const days = daysBetween(at, now);
      if (days === 0) return speak("today");
      if (days === 1) return speak("yesterday");
      return days > 0 && days < 180 ? weekday(at) : long(at);
    },
    ago: (at: string, now = new Date()) => {
      const then = new Date(at);
      const days = daysBetween(then, now);
      if (days <= 0) return clock(at);
      if (days === 1) return speak("yesterday");
      return days < 7 ? near(at) : then.getFullYear() === now.getFullYear() ? short(at) : numeric(at);
    },
  });
}

export function daysBetween(then: Date, now: Date): number {
  const start = (at: Date) => new Date(at.getFullYear(), at.getMonth(), at.getDate()).getTime();
  return Math.round((start(now) - start(then)) / DAY);
}

function valid(lang: string): string {
  try {
    return Intl.getCanonicalLocales(lang)[0] ?? "en";
  } catch {
    return "en";
  }
}

// A name that turns nothing of the sentence around it: isolated, and without turns of its own.
const isolated = (name: string): string => alone(name.replace(/[\u202a-\u202e\u2066-\u2069]/g, ""));

const alone = (text: string): string => `\u2068${text}\u2069`;
