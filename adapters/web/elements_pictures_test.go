package web_test

import (
	"image"
	"image/png"
	"net/http"
	"testing"
)

// TestPeopleAreShownWithTheirPictures has people with a picture, with one that the page's policy
// forbids, with one that is not there, and with none.
func TestPeopleAreShownWithTheirPictures(t *testing.T) {
	t.Parallel()
	h, browser := newHost(t, wholeChat, connects, nil), newBrowser(t)
	h.pictures = func(w http.ResponseWriter, r *http.Request) {
		if referer := r.Referer(); referer != "" {
			t.Errorf("who gives %s learns of %s", r.URL, referer)
		}
		if r.URL.Path == "/pictures/none.png" {
			http.NotFound(w, r)
			return
		}
		if err := png.Encode(w, image.NewGray(image.Rect(0, 0, 8, 8))); err != nil {
			t.Error(err)
		}
	}
	for _, one := range []struct{ user, profile string }{
		{"bob", `{"avatar":"/pictures/bob.png"}`},
		{"carol", `{"avatar":"https://pictures.example/carol.png"}`},
		{"dave", `{"avatar":"/pictures/none.png"}`},
		{"erin", `{"name":"Erin"}`},
		{"alice", `{"avatar":"pictures/alice.png"}`},
	} {
		h.as(one.user, "PUT", "/v1/users/"+one.user, one.profile)
		h.as(one.user, "POST", "/v1/rooms/tea/messages", `{"body":"hello"}`)
	}
	h.as("bob", "PATCH", "/v1/rooms/tea", `{"avatar":"/pictures/tea.png"}`)
	alice := h.visit(browser, "alice", 1280, 800)
	const shows = `(e) => !e.textContent && e.querySelector("img").naturalWidth === 8 && getComputedStyle(e.querySelector("img")).opacity === "1"`
	alice.waits(`((shows, [bob, carol, dave, erin]) => shows(bob) && carol.textContent === "C" && dave.textContent === "D" && erin.textContent === "E"
		&& [carol, dave].every((e) => e.querySelector("img").complete && !e.querySelector("img").naturalWidth && getComputedStyle(e.querySelector("img")).opacity === "0") && !erin.querySelector("img"))(` + shows + `, all(".row .avatar"))`)
	alice.waits(`all(".avatar img").every((e) => e.loading === "lazy" && e.referrerPolicy === "no-referrer" && e.alt === "")`)
	alice.waits(`[".account .avatar", ".head .avatar", '.entry[data-room="tea"] .avatar'].map(one).every(` + shows + `)`)
	alice.axe()
	alice.shot("pictures")
	alice.accessible("pictures")

	alice.clicks(".head .wide")
	alice.waits(`all(".people .avatar").filter(` + shows + `).length === 2`)
	h.as("bob", "PUT", "/v1/users/bob", `{"avatar":""}`)
	alice.waits(`((e) => e.textContent === "B" && !e.querySelector("img"))(one(".row .avatar"))`)
	h.as("bob", "PUT", "/v1/users/bob", `{"avatar":"/pictures/bob2.png"}`)
	alice.waits(`(` + shows + `)(one(".row .avatar"))`)
}
