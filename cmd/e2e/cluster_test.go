package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/adapters/bustest"
	"github.com/parley-chat/parley/adapters/postgres/pgtest"
	"github.com/parley-chat/parley/ports/portstest"
)

// cluster is two nodes on one PostgreSQL. Each reaches the bus over a cable that can be cut.
type cluster struct {
	one, two *service
	cables   []*portstest.Cable
	noBus    bool
}

func startCluster(t *testing.T, bus string) *cluster {
	t.Helper()
	store := pgtest.URL(t)
	c := &cluster{noBus: bus == "none"}
	var server *url.URL
	switch bus {
	case "nats":
		server = &url.URL{Scheme: "nats", Host: bustest.NATS(t).Addr}
	case "redis":
		server = &url.URL{Scheme: "redis", Host: bustest.Redis(t).Addr}
	case "postgres":
		var err error
		if server, err = url.Parse(store); err != nil {
			t.Fatal(err)
		}
	}
	issuer := newIssuer(t)
	node := func() *service {
		settings := map[string]string{}
		if server != nil {
			cable := portstest.NewCable(t, server.Host)
			c.cables = append(c.cables, cable)
			own := *server
			own.Host = cable.Addr()
			settings["PARLEY_BUS_URL"] = own.String()
		}
		return startFor(t, issuer, store, settings)
	}
	c.one, c.two = node(), node()
	for _, s := range []*service{c.one, c.two} {
		s.awaits(t, "the bus is there", func(ready frame) bool { return !ready.yes("degraded") })
	}
	return c
}

// awaits waits until a node's readiness, which must be 200, has the expected parts.
func (s *service) awaits(t *testing.T, what string, ok func(frame) bool) {
	t.Helper()
	eventually(t, what, func() error {
		response, err := http.Get(s.url + "/readyz")
		if err != nil {
			return err
		}
		defer response.Body.Close()
		var f frame
		if err := json.NewDecoder(response.Body).Decode(&f); err != nil || response.StatusCode != http.StatusOK {
			return fmt.Errorf("%s: %v, %w", response.Status, f, errNotYet)
		}
		if !ok(f) {
			return errNotYet
		}
		return nil
	})
}

// TestTwoNodes tests what a client sees of a cluster, on every bus and without one.
func TestTwoNodes(t *testing.T) {
	t.Parallel()
	for _, bus := range []string{"nats", "redis", "postgres", "none"} {
		t.Run(bus, func(t *testing.T) {
			t.Parallel()
			c := startCluster(t, bus)
			for name, test := range map[string]func(*testing.T, *cluster){
				"what is said on one is heard on the other, in one order": talkAcross,
				"a key that is sent to both at once is one entry":         oneKeyOnBoth,
				"edits race deletes, and all agree":                       editsRaceDeletes,
				"a cursor goes over before its notice":                    cursorGoesOver,
				"a ban counts on both":                                    bannedOnBoth,
				"tokens that are taken back are so on both":               revokedOnBoth,
			} {
				t.Run(name, func(t *testing.T) { t.Parallel(); test(t, c) })
			}
			if c.noBus {
				return
			}
			t.Run("who is renamed on one is so on both", func(t *testing.T) { renamedOnBoth(t, c) })
			t.Run("an administrator disconnects from both", func(t *testing.T) { disconnectedOnBoth(t, c) })
			t.Run("typing, marks and presence cross over", func(t *testing.T) { signalsAcross(t, c) })
			t.Run("without the bus all goes on, later", func(t *testing.T) { withoutBus(t, c) })
			t.Run("who was on a node that is gone is gone", func(t *testing.T) { goneWithTheNode(t, c) })
		})
	}
}

func talkAcross(t *testing.T, c *cluster) {
	room := c.one.room()
	alice, bob := c.one.connects(t, "alice"), c.two.connects(t, "bob")
	alice.asks("join", "room", room, "after", 0)
	bob.asks("join", "room", room, "after", 0)
	const each = 50
	var wg sync.WaitGroup
	for _, p := range []*peer{alice, bob} {
		wg.Go(func() {
			for i := range each {
				p.sends("send", "room", room, "body", fmt.Sprint(p.name, i), "key", fmt.Sprint("k", i))
			}
		})
	}
	wg.Wait()
	heard, also := alice.reads(room, 1, 2*each), bob.reads(room, 1, 2*each)
	for i := range heard {
		if heard[i].str("body") != also[i].str("body") || heard[i].num("seq") != also[i].num("seq") {
			t.Fatalf("at %d alice has %v and bob %v", i, heard[i], also[i])
		}
	}
}

// cursorGoesOver has a client continue on the other node, at the seq of its last send, which that
// node may not know yet.
func cursorGoesOver(t *testing.T, c *cluster) {
	room := c.one.room()
	alice, bob := c.one.connects(t, "alice"), c.two.connects(t, "bob")
	alice.asks("join", "room", room)
	bob.asks("join", "room", room)
	token := c.two.token(t, "alice")
	for i := range 10 {
		seq := alice.asks("send", "room", room, "body", fmt.Sprint(i)).num("seq")
		if j := bob.asks("join", "room", room, "after", seq); j.num("head") < seq {
			t.Errorf("behind %d it joined %v", seq, j)
		}
		if page := c.two.gets(t, 200, token, "GET", fmt.Sprintf("/v1/rooms/%s/entries?after=%d", room, seq), nil); page.num("head") < seq {
			t.Errorf("behind %d it got %v", seq, page)
		}
	}
}

func oneKeyOnBoth(t *testing.T, c *cluster) {
	room := c.one.room()
	one, two := c.one.connects(t, "alice"), c.two.connects(t, "alice")
	one.asks("join", "room", room)
	two.asks("join", "room", room)
	for i := range 20 {
		a := one.sends("send", "room", room, "body", "once", "key", fmt.Sprint("k", i))
		b := two.sends("send", "room", room, "body", "once", "key", fmt.Sprint("k", i))
		first, second := one.answer(a), two.answer(b)
		if first.num("seq") != second.num("seq") || first.yes("duplicate") == second.yes("duplicate") {
			t.Errorf("key %d: %v and %v", i, first, second)
		}
	}
}

func editsRaceDeletes(t *testing.T, c *cluster) {
	room := c.one.room()
	one, two := c.one.connects(t, "alice"), c.two.connects(t, "alice")
	one.asks("join", "room", room, "after", 0)
	two.asks("join", "room", room, "after", 0)
	for i := range 10 {
		seq := one.asks("send", "room", room, "body", fmt.Sprint("text ", i)).num("seq")
		edit := one.sends("edit", "room", room, "seq", seq, "body", "another text")
		gone := two.sends("delete", "room", room, "seq", seq)
		edited, deleted := one.answer(edit), two.answer(gone)
		if !deleted.is("ok") {
			t.Fatalf("the delete: %v", deleted)
		}
		if edited.is("ok") && edited.num("seq") > deleted.num("seq") || !edited.is("ok") && edited.str("code") != "conflict" {
			t.Errorf("the edit: %v, the delete: %v", edited, deleted)
		}
	}
	head := one.asks("history", "room", room, "limit", 1).num("head")
	state := func(p *peer) map[int64]string {
		texts := map[int64]string{}
		for _, f := range p.reads(room, 1, head) {
			switch f.kind() {
			case "message":
				texts[f.num("seq")] = f.str("body")
			case "edited":
				if f.has("body") {
					texts[f.num("target")] = f.str("body")
				}
			case "deleted":
				texts[f.num("target")] = ""
			}
		}
		return texts
	}
	a, b := state(one), state(two)
	for seq, text := range a {
		if text != "" || b[seq] != "" {
			t.Errorf("%d is %q and %q: it was deleted", seq, text, b[seq])
		}
	}
}

func bannedOnBoth(t *testing.T, c *cluster) {
	room := c.one.room()
	root := claim{"scope", "chat:admin"}
	boss, bob := c.one.connects(t, "boss", root), c.two.connects(t, "bob")
	boss.asks("join", "room", room)
	bob.asks("join", "room", room)
	writer := c.two.connects(t, "bob") // has not joined: only the service can tell it
	writer.asks("send", "room", room, "body", "before")
	if status := c.one.puts(t, "/v1/rooms/"+room+"/members/bob", `{"banned":true}`, c.one.token(t, "boss", root)); status >= 300 {
		t.Fatalf("the ban: %d", status)
	}
	// It holds even before the other node has heard of it.
	writer.isRefused("forbidden", "send", "room", room, "body", "after")
	writer.isRefused("forbidden", "react", "room", room, "seq", 1, "emoji", "👍")
	bob.isSentFrom(room, "forbidden")
}

func revokedOnBoth(t *testing.T, c *cluster) {
	// Tokens of the second of their revocation are revoked too, so these are of an earlier one.
	before := claim{"iat", time.Now().Add(-2 * time.Second).Unix()}
	user := "mallory-" + c.one.room()
	here, there := c.one.connects(t, user, before), c.two.connects(t, user, before)
	other := c.two.connects(t, "bystander")
	began := time.Now()
	var answer frame
	if status := c.one.operates(t, http.MethodDelete, "/users/"+user+"/tokens", &answer); status != http.StatusOK || answer.str("revoked_until") == "" {
		t.Fatalf("revoke: %d %v", status, answer)
	}
	here.closesWith(4401)
	there.closesWith(4401)
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
	until, err := time.Parse(time.RFC3339, answer.str("revoked_until"))
	if err != nil {
		t.Fatal(err)
	}
	fresh := claim{"iat", until.Unix() + 1}
	for _, s := range []*service{c.one, c.two} {
		if _, err := s.dialed(t, "/ws", s.token(t, user, before)); err == nil {
			t.Error("a token that was taken back is good")
		}
		eventually(t, "a token that is issued after that is good", func() error {
			_, err := s.dialed(t, "/ws", s.token(t, user, fresh)) // until then it is issued too far in the future
			return err
		})
	}
	other.asks("ping")
}

func disconnectedOnBoth(t *testing.T, c *cluster) {
	user := "eve-" + c.one.room()
	here, there := c.one.connects(t, user), c.two.connects(t, user)
	var answer frame
	if status := c.one.operates(t, http.MethodDelete, "/users/"+user+"/sessions", &answer); status != http.StatusOK || answer.num("disconnected") != 1 || !answer.yes("others_told") {
		t.Fatalf("disconnect: %d %v", status, answer)
	}
	here.closesWith(4403)
	there.closesWith(4403)
	c.two.connects(t, user)
}

func signalsAcross(t *testing.T, c *cluster) {
	room := c.one.room()
	alice, bob := c.one.connects(t, "alice"), c.two.connects(t, "bob")
	alice.asks("join", "room", room)
	bob.asks("join", "room", room)
	if f := alice.sees("presence"); f.str("user") != "bob" || !f.yes("online") {
		t.Errorf("presence: %v", f)
	}
	bob.asks("typing", "room", room)
	if f := alice.sees("typing"); f.str("user") != "bob" || !f.yes("on") {
		t.Errorf("typing: %v", f)
	}
	seq := alice.asks("send", "room", room, "body", "hi").num("seq")
	bob.sees("message")
	bob.asks("read", "room", room, "seq", seq)
	if f := alice.sees("read"); f.str("user") != "bob" || f.num("seq") != seq {
		t.Errorf("read: %v", f)
	}
	eventually(t, "both know of both", func() error {
		for _, p := range []*peer{alice, bob} {
			if f := p.asks("presence", "room", room); f.num("total") != 2 || len(f.list("users")) != 2 {
				return fmt.Errorf("%s: %v, %w", p.name, f, errNotYet)
			}
		}
		return nil
	})
}

func withoutBus(t *testing.T, c *cluster) {
	room := c.one.room()
	alice, bob := c.one.connects(t, "alice"), c.two.connects(t, "bob")
	alice.asks("join", "room", room)
	bob.asks("join", "room", room)
	for _, cable := range c.cables {
		cable.Cut()
	}
	for _, s := range []*service{c.one, c.two} {
		s.awaits(t, "it says that it is degraded, and is ready", func(ready frame) bool { return ready.yes("degraded") && ready.yes("ready") })
	}
	began := time.Now()
	alice.asks("send", "room", room, "body", "by the log")
	if f := bob.sees("message"); f.str("body") != "by the log" {
		t.Errorf("bob got %v", f)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
	for _, cable := range c.cables {
		cable.Mend()
	}
	for _, s := range []*service{c.one, c.two} {
		s.awaits(t, "the bus is back", func(ready frame) bool { return !ready.yes("degraded") })
	}
	alice.asks("send", "room", room, "body", "by the bus")
	bob.sees("message")
}

func goneWithTheNode(t *testing.T, c *cluster) {
	room := c.one.room()
	alice, bob := c.one.connects(t, "alice"), c.two.connects(t, "bob")
	alice.asks("join", "room", room)
	bob.asks("join", "room", room)
	if f := alice.sees("presence"); f.str("user") != "bob" || !f.yes("online") {
		t.Errorf("presence: %v", f)
	}
	c.cables[1].Cut() // for others the node is dead now
	if f := alice.sees("presence"); f.str("user") != "bob" || f.yes("online") {
		t.Errorf("presence: %v", f)
	}
	if f := alice.asks("presence", "room", room); f.num("total") != 1 {
		t.Errorf("present: %v", f)
	}
	c.cables[1].Mend()
	if f := alice.sees("presence"); f.str("user") != "bob" || !f.yes("online") {
		t.Errorf("presence: %v", f)
	}
}

// operates sends a request to the admin address, and returns the status.
func (s *service) operates(t *testing.T, method, path string, into any) int {
	t.Helper()
	q, err := http.NewRequest(method, s.admin+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(into); err != nil {
		t.Fatalf("%s: %v", response.Status, err)
	}
	return response.StatusCode
}

// puts sends a PUT with a JSON document, and returns the status.
func (s *service) puts(t *testing.T, path, body, token string) int {
	t.Helper()
	q, err := http.NewRequest(http.MethodPut, s.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Authorization", "Bearer "+token)
	q.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode
}
