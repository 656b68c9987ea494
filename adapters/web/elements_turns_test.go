package web_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/adapters/jwt"
)

func TestADraftFollowsOtherTabs(t *testing.T) {
	t.Parallel()
	h, browser := newHost(t, wholeChat, connects, longRoom(t, 2)), newBrowser(t)
	alice := h.visit(browser, "alice", 1280, 800)
	alice.waits(`all(".row").length === 2 && one("[role=log]")`)
	other := alice.another(h.server.URL + "/?user=alice")
	other.waits(`all(".row").length === 2 && one("[role=log]")`)
	alice.writes("textarea", "half a th")
	other.waits(`one("textarea").value === "half a th"`)
	other.writes("textarea", "ought")
	alice.waits(`one("textarea").value === "half a thought"`)
	alice.presses(enter)
	other.waits(`one("textarea").value === "" && text(".row.mine .body") === "half a thought"`)

	// What is edited meanwhile stays as it is; the draft is there behind it.
	alice.waits(`one(".row.mine")?.dataset.seq`)
	alice.presses(arrowUp)
	alice.waits(`one(".context") && one("textarea").value === "half a thought"`)
	other.writes("textarea", "another")
	other.waits(`one("textarea").value === "another"`)
	alice.waits(`one("textarea").value === "half a thought"`)
	alice.presses(escape)
	alice.waits(`one("textarea").value === "another"`)
	alice.hasNoComplaint()
	other.hasNoComplaint()
}

func TestATopicTurnsNothingAndStaysInItsLine(t *testing.T) {
	t.Parallel()
	h, browser := newHost(t, wholeChat, connects, nil), newBrowser(t)
	h.as("bob", "POST", "/v1/rooms", `{"room":"tea","public":true}`)
	alice := h.visit(browser, "alice", 1280, 800)
	alice.waits(`one(".titles p").textContent.includes("here")`)
	height := alice.number(`all(".titles p")[0].offsetHeight`)
	h.as("bob", "PATCH", "/v1/rooms/tea", fmt.Sprintf(`{"topic":%q}`, "about \u202etea\u202d "+strings.Repeat("e"+strings.Repeat("\u0301", 40), 20)))
	alice.waits(fmt.Sprintf(`((p) => p.textContent.startsWith("about tea ") && p.offsetHeight === %d && getComputedStyle(p).overflow === "clip")(one(".titles p"))`, height))
	alice.hasNoComplaint()
}

// TestNamesAndNumbersStandByThemselves looks at a chat whose lines run to the left.
func TestNamesAndNumbersStandByThemselves(t *testing.T) {
	t.Parallel()
	h, browser := newHost(t, wholeChat, "document.documentElement.dir = 'rtl';"+connects+`
		chat.strings = { via: "من {who} هنا", "write.to": "إلى {room}!" };
	`, nil), newBrowser(t)
	h.as("bob", "POST", "/v1/rooms", `{"room":"tea","public":true,"name":"Tea (2)"}`)
	keys, err := jwt.LoadOrMakeDevKeys(h.service.cfg.DataDir)
	if err != nil {
		t.Fatal(err)
	}
	token, err := keys.Sign(jwt.Grant{Subject: "shop", Name: "Shop", Scope: "chat:act", TTL: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	for path, body := range map[string]string{
		"PUT /v1/users/shop": `{"name":"The shop (1)"}`,
		"POST /v1/batch":     `{"commands":[{"type":"send","room":"tea","body":"hello","key":"k","as":{"user":"bob"}}]}`,
	} {
		method, path, _ := strings.Cut(path, " ")
		req, err := http.NewRequestWithContext(t.Context(), method, h.service.run.URL()+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if res.Body.Close(); res.StatusCode >= http.StatusBadRequest {
			t.Fatalf("%s: %s", path, res.Status)
		}
	}
	alice := h.visit(browser, "alice", 1280, 800)
	alice.waits(`one(".tag").textContent === "\u2068من \u2068The shop (1)\u2069 هنا\u2069"`) // the service's id has a name
	alice.waits(`one("textarea").placeholder === "\u2068إلى \u2068Tea (2)\u2069!\u2069"`)
	alice.clicks(".row .bubble")
	h.as("carol", "PUT", "/v1/rooms/tea/messages/1/reactions/+1", "")
	alice.waits(`one(".reaction span") && getComputedStyle(one(".reaction span")).unicodeBidi === "plaintext" && getComputedStyle(one(".row time")).unicodeBidi === "plaintext"`)
	alice.hasNoComplaint()
}

func TestWhoPastesTooMuchIsTold(t *testing.T) {
	t.Parallel()
	h, browser := newHost(t, wholeChat, connects, nil), newBrowser(t)
	h.as("bob", "POST", "/v1/rooms", `{"room":"tea","public":true}`)
	alice := h.visit(browser, "alice", 1280, 800)
	alice.waits(`one("textarea") && one("[role=log]")`)
	alice.writes("textarea", "so: ")
	const pastes = `(() => {
		const area = one("textarea"), data = new DataTransfer();
		data.setData("text/plain", "x".repeat(%d));
		const goesOn = area.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, composed: true, cancelable: true }));
		return goesOn && document.execCommand("insertText", false, data.getData("text/plain"));
	})()`
	alice.waits(fmt.Sprintf(pastes, 100))
	alice.waits(`one("textarea").value.length === 104 && !one(".toast")`)
	alice.waits(fmt.Sprintf(pastes, 20_000))
	alice.waits(`one("textarea").value.length === 16_000 && text(".toast") === "The text is too long: its last 4,104 characters were left out."`)
	alice.hasNoComplaint()
}
