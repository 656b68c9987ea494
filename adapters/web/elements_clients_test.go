package web_test

import "testing"

const counted = `
window.sockets = 0;
const Socket = WebSocket;
window.WebSocket = class extends Socket { constructor(...all) { super(...all); window.sockets++; } };
const { ParleyChat } = await import(service + "/embed.js");
window.others = async () => (await fetch("/token?user=bob")).text();
window.mine = () => (window.signedOut ? null : token());
window.put = (getToken) => {
	document.querySelector("parley-chat")?.remove();
	const chat = Object.assign(new ParleyChat(), { url: service, room: "tea", className: "whole", getToken });
	document.body.append(chat);
	return true;
};
`

// TestAnElementThatComesSoonAfterAnotherWorks has elements take the place of others, within the
// time that their client lives on.
func TestAnElementThatComesSoonAfterAnotherWorks(t *testing.T) {
	t.Parallel()
	h, browser := newHost(t, ``, counted+`window.put(window.mine);`, nil), newBrowser(t)
	alice := h.visit(browser, "alice", 1280, 800)
	alice.says("one")
	alice.sees("one")
	// One that is moved, or takes the place of another, goes on with what there is.
	alice.waits(`window.put(window.mine)`)
	alice.sees("one")
	alice.says("two")
	alice.sees("one", "two")
	alice.waits(`window.sockets === 1`)
	// Somebody else signs in.
	alice.waits(`window.put(window.others)`)
	alice.sees("one", "two")
	alice.waits(`text(".me .name") === "Bob" && !one(".row.mine")`)
	alice.says("three")
	alice.sees("one", "two", "three")
	alice.waits(`all(".row.mine").length === 1 && window.sockets === 2`)
	// A client that has stopped is not gone on with.
	alice.waits(`(window.signedOut = true, window.put(window.other = () => window.mine()))`)
	alice.waits(`text(".state-pane h2") === "Please sign in again"`)
	alice.waits(`(window.signedOut = false, window.put(window.other))`)
	alice.sees("one", "two", "three")
	alice.waits(`text(".me .name") === "Alice" && all(".row.mine").length === 2`)
	alice.says("four")
	alice.sees("one", "two", "three", "four")
	alice.hasNoComplaint()
}
