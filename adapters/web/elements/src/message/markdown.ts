// A little of Markdown: what people write in chats, and nothing else. The parser makes a tree, which
// is drawn as elements; no text ever becomes HTML. Each pattern moves on with every character, so a
// body takes time by its length alone.

export type Inline =
  | { readonly is: "text"; readonly text: string }
  | { readonly is: "code"; readonly text: string }
  | { readonly is: "strong" | "em" | "del"; readonly of: readonly Inline[] }
  | { readonly is: "link"; readonly href: string; readonly of: readonly Inline[] }
  | { readonly is: "mention"; readonly user: string }
  | { readonly is: "room"; readonly room: string };

export type Block =
  | { readonly is: "lines"; readonly of: readonly Inline[] }
  | { readonly is: "code"; readonly text: string; readonly lang: string }
  | { readonly is: "quote"; readonly of: readonly Block[] }
  | { readonly is: "list"; readonly from: number | undefined; readonly of: readonly (readonly Inline[])[] };

const DEEPEST = 5; // of quotes in quotes, and of marks in marks

const FENCE = /^ {0,3}(`{3,}|~{3,})\s*([\w+#.-]{0,20})[^`]*$/;
const QUOTE = /^ {0,3}> ?/;
const BULLET = /^ {0,3}[-*+] +(?=\S)/;
const NUMBER = /^ {0,3}(\d{1,9})[.)] +(?=\S)/;

export function parse(body: string): Block[] {
  if (body !== last.body) last = { body, blocks: blocksOf(body, 0) };
  return last.blocks;
}

// A message's name is made of its body just before that is drawn.
let last: { body: string; blocks: Block[] } = { body: "", blocks: [] };

function blocksOf(body: string, depth: number): Block[] {
  const lines = body.split("\n");
  const blocks: Block[] = [];
  let plainLines: string[] = [];
  const flush = () => {
    while (plainLines.length && !plainLines[0]!.trim()) plainLines.shift();
    while (plainLines.length && !plainLines.at(-1)!.trim()) plainLines.pop();
    if (plainLines.length) blocks.push({ is: "lines", of: inline(plainLines.join("\n")) });
    plainLines = [];
  };
  for (let at = 0; at < lines.length; ) {
    const line = lines[at]!;
    const fence = FENCE.exec(line);
    const end = fence ? closing(lines, at + 1, fence[1]!) : -1;
    if (fence && end > 0) {
      flush();
      blocks.push({ is: "code", lang: fence[2]!, text: lines.slice(at + 1, end).join("\n") });
      at = end + 1;
    } else if (depth < DEEPEST && QUOTE.test(line)) {
      flush();
      const from = at;
      while (at < lines.length && QUOTE.test(lines[at]!)) at++;
      blocks.push({ is: "quote", of: blocksOf(lines.slice(from, at).map((one) => one.replace(QUOTE, "")).join("\n"), depth + 1) });
    } else if (BULLET.test(line) || NUMBER.test(line)) {
      flush();
      const mark = BULLET.test(line) ? BULLET : NUMBER;
      const number = NUMBER.exec(line)?.[1];
      const items: Inline[][] = [];
      for (; at < lines.length && mark.test(lines[at]!); at++) items.push(inline(lines[at]!.replace(mark, "")));
      blocks.push({ is: "list", from: mark === NUMBER ? Number(number) : undefined, of: items });
    } else {
      plainLines.push(line);
      at++;
    }
  }
  flush();
  return blocks;
}

// Without its end a fence is text: who writes one sees what comes of it.
function closing(lines: readonly string[], from: number, mark: string): number {
  for (let at = from; at < lines.length; at++) {
    const line = lines[at]!.trim();
    if (line.length >= mark.length && line === mark[0]!.repeat(line.length)) return at;
  }
  return -1;
}

const SPECIAL = /[`*_~[@#]|https?:\/\/|www\./giu;
const ADDRESS = /^(?:https?:\/\/|www\.)[^\s<>"`\u202a-\u202e\u2066-\u2069]{1,2000}/iu;
const LABELLED = /^\[([^\][\n]{1,500})\]\((\S{1,2000}?)\)/u;
const MENTION = /^@([\p{L}\p{N}][\p{L}\p{N}._:-]{0,127})/u;
const ROOM = /^#([a-z0-9][a-z0-9._:-]{0,63})/u;
const WORD = /[\p{L}\p{N}]/u;

export function inline(text: string, depth = 0): Inline[] {
  const made: Inline[] = [];
  let from = 0; // of the text that was not taken yet
  const missing = new Set<string>(); // marks that have no end behind here
  const take = (at: number, end: number, node: Inline) => {
    if (at > from) made.push({ is: "text", text: text.slice(from, at) });
    made.push(node);
    from = end;
    SPECIAL.lastIndex = end;
  };
  SPECIAL.lastIndex = 0;
  for (let found; (found = SPECIAL.exec(text)); ) {
    const at = found.index;
    const resume = SPECIAL.lastIndex;
    const node = special(text, at, depth, missing);
    if (node) take(at, node.end, node.made);
    else SPECIAL.lastIndex = resume;
  }
  if (from < text.length) made.push({ is: "text", text: text.slice(from) });
  return made;
}

function special(text: string, at: number, depth: number, missing: Set<string>): { end: number; made: Inline } | undefined {
  const char = text[at]!;
  const before = text[at - 1] ?? "";
  switch (char) {
    case "`": {
      const ticks = /^`+/.exec(text.slice(at, at + 8))![0];
      const end = before === "`" ? -1 : ending(text, ticks, at + ticks.length, missing);
      return end < 0 ? undefined : { end: end + ticks.length, made: { is: "code", text: text.slice(at + ticks.length, end).trim() || " " } };
    }
    case "*": case "_": case "~":
      return marked(text, at, depth, missing);
    case "[": {
      const found = LABELLED.exec(text.slice(at, at + 2600));
      const href = found && safe(found[2]!);
      return href ? { end: at + found[0].length, made: { is: "link", href, of: nested(found[1]!, depth) } } : undefined;
    }
    case "@": case "#": {
      if (WORD.test(before)) return undefined;
      const found = (char === "@" ? MENTION : ROOM).exec(text.slice(at, at + 130));
      const name = found?.[1]!.replace(/[.:-]+$/, "");
      if (!name) return undefined;
      return { end: at + 1 + name.length, made: char === "@" ? { is: "mention", user: name } : { is: "room", room: name } };
    }
    default:
      return WORD.test(before) ? undefined : address(text, at);
  }
}

function address(text: string, at: number): { end: number; made: Inline } | undefined {
  let shown = ADDRESS.exec(text.slice(at, at + 2100))?.[0] ?? "";
  // What closes a sentence or a bracket around the address is none of it.
  for (;;) {
    const last = shown.at(-1) ?? "";
    const open = { ")": "(", "]": "[", "}": "{" }[last];
    const dangling = open !== undefined && shown.split(last).length > shown.split(open).length;
    if (!dangling && !".,;:!?'*_~".includes(last || " ")) break;
    shown = shown.slice(0, -1);
  }
  const href = safe(/^www\./i.test(shown) ? `https://${shown}` : shown);
  return href ? { end: at + shown.length, made: { is: "link", href, of: [{ is: "text", text: shown }] } } : undefined;
}

const MARKS = { "**": "strong", __: "strong", "~~": "del", "*": "em", _: "em" } as const;

function marked(text: string, at: number, depth: number, missing: Set<string>): { end: number; made: Inline } | undefined {
  const double = text.slice(at, at + 2);
  const mark = (double in MARKS ? double : text[at]!) as keyof typeof MARKS;
  const kind = MARKS[mark];
  const start = at + mark.length;
  if (!kind || depth >= DEEPEST || !text[start] || /\s/.test(text[start]!)) return undefined;
  if (mark.includes("_") && WORD.test(text[at - 1] ?? "")) return undefined; // snake_case
  let end = ending(text, mark, start + 1, missing);
  while (end > 0 && !closes(text, end, mark)) end = ending(text, mark, end + 1, missing);
  if (end < 0) return undefined;
  return { end: end + mark.length, made: { is: kind, of: nested(text.slice(start, end), depth) } };
}

function closes(text: string, end: number, mark: string): boolean {
  if (/\s/.test(text[end - 1]!)) return false;
  const after = text[end + mark.length] ?? "";
  if (mark.length === 1 && (after === mark || text[end - 1] === mark)) return false; // one half of a double one
  return !mark.includes("_") || !WORD.test(after);
}

function ending(text: string, mark: string, from: number, missing: Set<string>): number {
  if (missing.has(mark)) return -1;
  const end = text.indexOf(mark, from);
  if (end < 0) missing.add(mark);
  return end;
}

// SPECIAL keeps its place between calls, and so do those who called.
function nested(text: string, depth: number): Inline[] {
  const place = SPECIAL.lastIndex;
  const made = inline(text, depth + 1);
  SPECIAL.lastIndex = place;
  return made;
}

/** The address, if a link may lead there: only the web and mail. */
export function safe(href: string): string | undefined {
  try {
    const url = new URL(href);
    return ["http:", "https:", "mailto:"].includes(url.protocol) && !url.username && !url.password ? url.href : undefined;
  } catch {
    return undefined;
  }
}

/** The text as it is shown: without the characters that would turn it around. */
export const unturned = (text: string): string => text.replace(/[\u202d\u202e]/g, "");

/** What a body says, in one line without marks. */
export function plain(body: string): string {
  const words = (all: readonly Inline[]): string => all.map((one) => {
    switch (one.is) {
      case "mention": return `@${one.user}`;
      case "room": return `#${one.room}`;
      default: return "of" in one ? words(one.of) : one.text;
    }
  }).join("");
  const text = (blocks: readonly Block[]): string => blocks.map((block) => {
    switch (block.is) {
      case "code": return block.text;
      case "quote": return text(block.of);
      case "list": return block.of.map(words).join(" ");
      case "lines": return words(block.of);
    }
  }).join(" ");
  return unturned(text(parse(body.slice(0, 1_000)))).replace(/\s+/g, " ").trim();
}

const EMOJI = /^(?:\p{RGI_Emoji}|\s)+$/v;
const BIG = 6; // so many emoji alone are drawn large

/** Whether the body is a few emoji and nothing else. */
export function isBig(body: string): boolean {
  if (body.length > 80 || !EMOJI.test(body)) return false;
  return [...body.matchAll(/\p{RGI_Emoji}/gv)].length <= BIG;
}

/** Whether marks stand upon marks, which may be higher than their line. */
export const isHigh = (body: string): boolean => /\p{M}{3}/u.test(body);
