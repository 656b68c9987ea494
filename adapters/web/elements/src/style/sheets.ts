// The sheets of style, made once and shared by all elements: no policy of a page forbids them.
import base from "./base.css";
import composer from "./composer.css";
import message from "./message.css";
import over from "./over.css";
import room from "./room.css";
import rooms from "./rooms.css";
import timeline from "./timeline.css";

let made: CSSStyleSheet[] | undefined;

export function sheets(): CSSStyleSheet[] {
  made ??= [base, room, rooms, timeline, message, composer, over].map((text) => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(text);
    return sheet;
  });
  return made;
}
