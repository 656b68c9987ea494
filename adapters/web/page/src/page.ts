// The page of the service: it signs somebody in, and is one host of <parley-chat>. The address names
// the room and, behind a slash, the message.
import type { ParleyChat } from "@parley-chat/elements";
import { link, place } from "./address.ts";
import { $ } from "./dom.ts";
import { takeKey } from "./key.ts";
import * as session from "./session.ts";
import { SignIn } from "./signin.ts";
import * as theme from "./theme.ts";
import { t, translate } from "./words.ts";

const main = $("chat");
const parts = $<HTMLTemplateElement>("chat-parts").content;
translate(document, parts);
const signIn = new SignIn(takeKey(), (found) => {
  session.begin(found);
  void enter();
});
const OVER_LIST = "over the list"; // the state of an entry of the history
let chat: ParleyChat | undefined;
let shown: string | undefined; // the room in it

async function enter(): Promise<void> {
  main.hidden = false;
  // What had the focus goes away: the chat takes it over once there is something to go on with.
  main.focus();
  signIn.hide();
  document.title = "Parley";
  await customElements.whenDefined("parley-chat");
  if (chat || !session.current()) return;
  chat = document.createElement("parley-chat");
  const { room, seq } = place(location.hash);
  shown = room;
  chat.open(room ?? "", seq);
  chat.getToken = (reason) => session.getToken(reason); // another function is another client
  chat.link = link;
  chat.theme = theme.chosen();
  chat.append(parts.cloneNode(true));
  listen(chat);
  main.append(chat);
  theme.choose(chat);
}

function listen(element: ParleyChat): void {
  element.addEventListener("parley-room", ({ detail: { room } }) => {
    go(room);
    shown = room;
    entitle(element);
  });
  element.addEventListener("parley-status", ({ detail: { state, reason } }) => {
    if (state === "stopped" && reason === "token") leave(t("refused"));
    else if (state === "open") begin(element);
  });
  element.addEventListener("click", ({ target }) => {
    if ((target as Element).closest("[data-act=signout]")) signOut();
  });
}

// Once it is known who I am.
function begin(element: ParleyChat): void {
  entitle(element);
  element.client?.rooms.subscribe(() => entitle(element)); // one may be called otherwise
  setTimeout(() => { // once that is drawn
    if (document.activeElement === main) element.focus();
  });
}

function leave(fault: string): void {
  chat?.remove();
  chat = undefined;
  session.end();
  main.hidden = true;
  void signIn.show(fault);
}

function signOut(): void {
  session.end();
  history.replaceState(null, "", location.pathname);
  location.reload(); // so that nothing of the session is left
}

// ─── the address and the title ───

// "Back" leads from a room to the list that it was opened from; so does the chat's own way back.
function go(room: string | undefined): void {
  if (place(location.hash).room === room) return;
  if (room === undefined && history.state === OVER_LIST) history.back();
  else history.pushState(room !== undefined && shown === undefined ? OVER_LIST : null, "", room === undefined ? location.pathname : `#${room}`);
}

function entitle({ client }: ParleyChat): void {
  const name = shown === undefined ? "" : client?.peek(shown).getSnapshot().name || shown;
  const [count = ""] = /^\(\d+\+?\) /.exec(document.title) ?? []; // the element counts what is unread
  const title = count + (name ? `${name} · Parley` : "Parley");
  if (document.title !== title) document.title = title;
}

addEventListener("hashchange", () => {
  const { room, seq } = place(location.hash);
  chat?.open(room ?? "", seq);
});

if (session.current()) void enter();
else void signIn.show();
