package web_test

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/adapters/jwt"
	"github.com/parley-chat/parley/cmd/server"
)

// saysAll sends messages over HTTP, each until it is stored, whatever becomes of the service
// meanwhile.
func (s *service) saysAll(token, room string, from, to int) {
	s.t.Helper()
	client := &http.Client{Timeout: patience}
	defer client.CloseIdleConnections()
	late := time.Now().Add(patience)
	for i := from; i <= to; i++ {
		for {
			r, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, "http://"+s.cfg.HTTPAddr+"/v1/rooms/"+room+"/messages", strings.NewReader(`{"body":"x"}`))
			if err != nil {
				s.t.Error(err)
				return
			}
			r.Header.Set("Authorization", "Bearer "+token)
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Idempotency-Key", fmt.Sprint(i))
			response, err := client.Do(r)
			if err == nil {
				response.Body.Close()
				if response.StatusCode < 300 {
					break
				}
			}
			if time.Now().After(late) {
				s.t.Errorf("message %d is not stored: %v", i, err)
				return
			}
		}
	}
}

// TestABrowsersEventSourceGoesOn has a browser follow a room while its node drains, ends and comes
// back, twice. Nothing but the browser itself connects again.
func TestABrowsersEventSourceGoesOn(t *testing.T) {
	t.Parallel()
	s := newService(t, func(c *server.Config) { c.Drain = 3 * time.Second })
	keys, err := jwt.LoadOrMakeDevKeys(s.cfg.DataDir)
	if err != nil {
		t.Fatal(err)
	}
	token, err := keys.Sign(jwt.Grant{Subject: "alice", TTL: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	p := s.visit(newBrowser(t), "other")
	p.waits(fmt.Sprintf(`(() => { if (window.source) return true;
		window.got = []; window.opened = 0; window.closed = false;
		window.source = new EventSource("/v1/stream?rooms=tea@0,coffee@0&access_token=%s");
		source.onopen = () => { opened++; document.body.dataset.opened = opened; };
		source.onmessage = (event) => {
			const frame = JSON.parse(event.data);
			if (frame.seq && frame.author) { got.push(frame.room + frame.seq); document.body.dataset.got = got.length; }
		};
		source.onerror = () => { if (source.readyState === EventSource.CLOSED) { closed = true; document.body.dataset.closed = true; } };
		return true; })()`, token))
	p.waits(`window.opened === 1`)
	const each = 60
	for round := range 3 {
		said := make(chan struct{})
		go func() {
			defer close(said)
			s.saysAll(token, "tea", round*each+1, (round+1)*each)
			s.saysAll(token, "coffee", round*each+1, (round+1)*each)
		}()
		if round < 2 {
			s.stop() // while messages are sent
			s.start()
		}
		<-said
		p.waits(fmt.Sprintf(`window.got.length >= %d || window.closed`, 2*each*(round+1)))
	}
	p.waits(`!window.closed && window.opened >= 3`)
	for _, room := range []string{"tea", "coffee"} {
		p.waits(fmt.Sprintf(`JSON.stringify(window.got.filter((e) => e.startsWith(%q))) === JSON.stringify([...Array(%d).keys()].map((i) => %q + (i + 1)))`, room, 3*each, room))
	}
}

// TestTheReadmesReaderGoesOn runs the README's client of streams while its node is restarted, and
// with a token that is refused at first.
func TestTheReadmesReaderGoesOn(t *testing.T) {
	t.Parallel()
	s := newService(t, nil)
	keys, err := jwt.LoadOrMakeDevKeys(s.cfg.DataDir)
	if err != nil {
		t.Fatal(err)
	}
	token, err := keys.Sign(jwt.Grant{Subject: "alice", TTL: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "```js\n// Follows rooms with")
	_, code, _ := strings.Cut(rest, "\n")
	code, _, _ = strings.Cut(code, "```")
	p := s.visit(newBrowser(t), "other")
	p.waits(fmt.Sprintf(`(() => { if (window.got) return true;
		%s
		window.got = []; let asked = 0;
		const token = async () => asked++ ? %q : "bad";
		read({rooms: "tea@0", token, show: (e) => { got.push(e.seq); document.body.dataset.got = got.length; }, anew: () => got.push("anew")});
		return true; })()`, code, token))
	s.saysAll(token, "tea", 1, 10)
	p.waits(`window.got.length === 10`)
	s.stop()
	s.start()
	s.saysAll(token, "tea", 11, 20)
	p.waits(`JSON.stringify(window.got) === JSON.stringify([...Array(20).keys()].map((i) => i + 1))`)
}
