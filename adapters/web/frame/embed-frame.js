// The page for frames. The page around it gives the token by messages: it is asked for one with
// {parley: "token", reason}, and answers {parley: "token", token}. Tokens are taken from the parent
// alone, which is of an allowed origin: by `frame-ancestors` browsers show this to no other. What is
// said to the parent before its origin is known has no secrets.
import "./embed.js";

const ASK_EVERY = 1_000; // ms until the parent answers: it may not listen yet
const EVENTS = ["parley-unread", "parley-room", "parley-status"];

let parentOrigin = "*";
let answer = () => {};

function getToken(reason) {
  return new Promise((resolve) => {
    const ask = () => parent.postMessage({ parley: "token", reason }, parentOrigin);
    const again = setInterval(ask, ASK_EVERY);
    answer = (token) => {
      clearInterval(again);
      resolve(token);
    };
    ask();
  });
}

addEventListener("message", ({ source, origin, data }) => {
  if (source !== parent || data?.parley !== "token" || typeof (data.token ?? "") !== "string") return;
  parentOrigin = origin;
  answer(data.token);
});

if (parent === window) {
  document.querySelector("#alone").hidden = false;
} else {
  // #room=general&theme=dark&lang=de; with `only`, there is no list of rooms.
  const wanted = new URLSearchParams(location.hash.slice(1));
  const element = document.createElement(wanted.has("only") ? "parley-room" : "parley-chat");
  for (const name of ["room", "theme", "lang", "dir", "suggest"]) {
    if (wanted.has(name)) element.setAttribute(name, wanted.get(name));
  }
  document.documentElement.lang = wanted.get("lang") ?? navigator.language;
  element.getToken = getToken;
  for (const type of EVENTS) {
    element.addEventListener(type, ({ detail }) => {
      if (parentOrigin !== "*") parent.postMessage({ parley: type, detail }, parentOrigin);
    });
  }
  document.querySelector("main").append(element);
}
