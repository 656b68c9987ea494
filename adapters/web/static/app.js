// The page: puts the chat, its views and the address bar together.
import { Chat, roomID } from "./chat.js";
import { Reason, State } from "./connection.js";
import * as session from "./session.js";
import { Composer } from "./view/composer.js";
import { $, avatar, coalesce, say } from "./view/dom.js";
import { People } from "./view/people.js";
import { RoomList } from "./view/rooms.js";
import { Search } from "./view/search.js";
import { SignIn } from "./view/signin.js";
import { announce, complain, Status } from "./view/status.js";
import { Timeline } from "./view/timeline.js";
import { list, STOPPED } from "./words.js";

const wrongKey = session.pageKey.take();

const socketURL = new URL("ws", location.href);
socketURL.protocol = location.protocol === "https:" ? "wss:" : "ws:";
socketURL.search = "";
socketURL.hash = "";

const chat = new Chat({ url: socketURL.href, http: session, local: localStorage, tab: sessionStorage });
const status = new Status(chat.connection);
const rooms = new RoomList(chat, (id) => { location.hash = id; });
const people = new People(chat);
const composer = new Composer(chat, () => timeline.toEnd());
const timeline = new Timeline(chat, composer);
const search = new Search(chat, go);
const signIn = new SignIn(wrongKey, (token) => {
  session.token.set(token);
  route();
  chat.start(token);
});

// ─── signing in and out ───

function enter() {
  signIn.hide();
  $("chat").hidden = false;
  $("my-avatar").replaceChildren(chat.me ? avatar(chat.me.id, chat.me.name || chat.me.id) : "");
  say($("my-name"), chat.me ? chat.me.name || chat.me.id : "");
}

function leave(fault) {
  session.token.clear();
  chat.signOut();
  $("chat").hidden = true;
  signIn.show(fault);
}

$("signout").addEventListener("click", () => {
  session.token.clear();
  history.replaceState(null, "", location.pathname);
  location.reload(); // so that nothing of the session is left
});

chat.addEventListener("state", () => {
  const { state, reason } = chat.connection;
  const waitingToEnter = $("chat").hidden;
  status.update();
  drawRoom();
  drawTyping();
  timeline.update();
  if (state === State.stopped && reason === Reason.token) leave(STOPPED[reason]);
  else if (waitingToEnter && state === State.waiting) say($("signin-fault"), "The service cannot be reached. Trying again…");
});

// ─── rooms ───

let shown = null; // the room that the views show

/** Shows the room that the address names. */
function route() {
  const named = location.hash.slice(1);
  const id = roomID(decodeURIComponent(named));
  if (named && !id) complain({ message: `“${named}” is no name for a room` });
  chat.open(id);
  turn();
}

let sought = null; // the message to go to once its room is there: {room, seq, done}

/** Goes to a message, in whichever room it is. Resolves to whether it could. */
function go(room, seq) {
  return new Promise((done) => {
    sought?.done(true); // to somewhere else meanwhile
    sought = { room, seq, done };
    location.hash = room;
    settle();
  });
}

function settle() {
  const { room } = chat;
  if (!sought || !room?.joined || room.loading || room.id !== sought.room || room !== shown) return;
  const { seq, done } = sought;
  sought = null;
  timeline.reach(seq).then(done, () => done(false));
}

function turn() {
  const room = chat.room ?? null;
  if (room === shown && room) return;
  const moved = shown !== null || room !== null;
  shown = room;
  document.body.classList.toggle("in-room", Boolean(chat.current));
  composer.turn();
  timeline.turn();
  people.turn();
  rooms.update();
  drawRoom();
  drawTyping();
  if (moved && room) focusRoom();
  settle();
}

function focusRoom() {
  if (matchMedia("(pointer: fine)").matches && !$("body").disabled) composer.focus();
  else $("room-title").focus();
}

function drawRoom() {
  const { room } = chat;
  say($("room-title"), room?.title ?? "No room");
  const about = room && [room.name && `#${room.id}`, room.archived && "archived", !room.public && "private", room.role === "read" && "you may only read"];
  say($("room-about"), about ? about.filter(Boolean).join(" · ") : "");
  $("leave").hidden = !room;
  composer.update();
  search.update();
  const unread = [...chat.rooms.values()].reduce((sum, one) => sum + one.unread, 0);
  if (!$("chat").hidden) document.title = `${unread ? `(${unread}) ` : ""}${room ? `${room.title} · ` : ""}Parley`;
}

function drawTyping() {
  const names = (chat.room?.typists() ?? []).map((user) => chat.name(user));
  say($("typing"), names.length === 0 ? "" : `${list(names)} ${names.length > 1 ? "are" : "is"} typing…`);
}

const drawRooms = coalesce(() => {
  rooms.update();
  drawRoom();
});

chat.addEventListener("rooms", () => {
  if (chat.me && ($("chat").hidden || $("chat").dataset.user !== chat.me.id)) {
    $("chat").dataset.user = chat.me.id;
    enter();
  }
  drawRooms();
  turn();
});

const ofThisRoom = (act) => ({ detail }) => detail.room.id === chat.current && act();
chat.addEventListener("log", ofThisRoom(() => {
  timeline.update();
  composer.update();
  search.update();
  drawTyping();
  settle();
}));
chat.addEventListener("signals", ofThisRoom(() => {
  people.update();
  drawTyping();
}));
chat.addEventListener("news", ({ detail: { room, entry } }) => {
  if (room.id === chat.current) announce(`${entry.author.name}: ${entry.body}`);
});
chat.addEventListener("trouble", ({ detail }) => complain(detail.error));

$("leave").addEventListener("click", () => {
  chat.leave(chat.current);
  location.hash = "";
});
$("back").addEventListener("click", () => { location.hash = ""; });
addEventListener("hashchange", route);

// ─── the world around ───

addEventListener("online", () => chat.connection.wake());
addEventListener("offline", () => chat.connection.wake());
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && chat.connection.wake());

const dark = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => (document.documentElement.dataset.theme ?? (dark.matches ? "dark" : "light")) === "dark";
const drawTheme = () => $("theme").setAttribute("aria-pressed", String(isDark()));
$("theme").addEventListener("click", () => {
  const theme = isDark() ? "light" : "dark";
  document.documentElement.dataset.theme = theme;
  localStorage.setItem("parley.theme", theme);
  drawTheme();
});
dark.addEventListener("change", drawTheme);
drawTheme();

const token = session.token.get();
if (token) {
  enter();
  chat.start(token);
} else {
  signIn.show();
}
route();
