import { type Strings } from "./en.js";
export type { Strings } from "./en.js";
/** A word of the elements. */
export type Word = keyof Strings;
/** A text with `{names}` in it, or one for each form that the language has for a number, `n`. */
export type Text = string | {
    readonly [form in Intl.LDMLPluralRule]?: string;
};
/** There are more words in English. */
export declare const extend: (words: Partial<Strings>) => void;
/** Loads the words of a language, if there are any. Without them, English is spoken. */
export declare function learn(lang: string): Promise<void>;
type Values = Readonly<Record<string, string | number | readonly string[]>>;
export interface Speaker {
    /** Texts among the values are isolated from the sentence around them; several are a list. */
    (word: Word, values?: Values): string;
    /** That of the words. */
    readonly lang: string;
    /** What somebody is called: the service's own author has a word for a name. */
    who(somebody: {
        readonly id: string;
        readonly name: string;
    }): string;
    fault(thrown: unknown): string;
    clock(at: string): string;
    moment(at: string): string;
    /** A day as a heading: today, yesterday, a weekday, a date. */
    day(at: Date, now?: Date): string;
    /** When something happened, as short as can be. */
    ago(at: string, now?: Date): string;
}
/** Speaks the language, or English where there are no words in it; `own` counts before those. */
export declare function speaker(lang: string, own?: Partial<Strings>): Speaker;
export declare function daysBetween(then: Date, now: Date): number;
