// The sheets of style, made once and shared by all elements: no policy of a page forbids them.
import above from "./above.css";
import base from "./base.css";
import composer from "./composer.css";
import message from "./message.css";
import room from "./room.css";
import rooms from "./rooms.css";
import timeline from "./timeline.css";

let made: CSSStyleSheet[] | undefined;

const roots = new Set<WeakRef<ShadowRoot>>();

/** Gives a root all sheets, and those that come later. */
export function dress(root: ShadowRoot): void {
  root.adoptedStyleSheets = sheets();
  for (const one of roots) if (!one.deref()) roots.delete(one);
  roots.add(new WeakRef(root));
}

/** Adds sheets to all roots. */
export function adopt(texts: readonly string[]): void {
  const more = texts.map(sheet);
  sheets().push(...more);
  for (const root of roots) root.deref()?.adoptedStyleSheets.push(...more);
}

function sheet(text: string): CSSStyleSheet {
  const made = new CSSStyleSheet();
  made.replaceSync(text);
  return made;
}

function sheets(): CSSStyleSheet[] {
  made ??= [base, room, rooms, timeline, message, composer, above].map(sheet);
  return made;
}
