package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/parley-chat/parley/adapters/postgres/pgtest"
	"github.com/parley-chat/parley/adapters/shards"
	"github.com/parley-chat/parley/core/chat"
)

// roomOn returns a room that no other test uses, of the one of two servers that is asked for.
func (s *service) roomOn(server int) string {
	for {
		if room := s.room(); shards.Slot(chat.RoomID(room))%2 == server {
			return room
		}
	}
}

func TestAServerOfTheStoreThatIsAwayTakesOnlyItsRoomsAway(t *testing.T) {
	t.Parallel()
	second := pgtest.Start(t)
	s := start(t, pgtest.URL(t)+" "+second.Database(), nil)
	here, there := s.roomOn(0), s.roomOn(1)
	alice, bob := s.connects(t, "alice"), s.connects(t, "bob")
	for _, p := range []*peer{alice, bob} {
		p.asks("join", "room", here)
		p.asks("join", "room", there)
	}
	seqs := map[string]int64{}
	says := func(room string) {
		t.Helper()
		seqs[room] = alice.asks("send", "room", room, "body", "hi").num("seq")
		bob.reads(room, seqs[room], seqs[room])
	}
	says(here)
	says(there)
	lists := func(want int, lacking bool) {
		t.Helper()
		for _, query := range []string{"", "?sort=active", "?sort=name"} {
			page := s.gets(t, http.StatusOK, s.token(t, "alice"), "GET", "/v1/rooms"+query, nil)
			if len(page.list("rooms")) != want || page.yes("lacking") != lacking {
				t.Errorf("alice's rooms%s are %v", query, page)
			}
		}
	}
	lists(2, false)

	second.Stop(pgtest.Immediate)
	says(here)
	alice.isRefused("unavailable", "send", "room", there, "body", "hi", "key", "late")
	says(here)
	read := func(room string, want int) {
		t.Helper()
		s.gets(t, want, s.token(t, "carol"), "GET", "/v1/rooms/"+room+"/entries", nil)
	}
	read(here, http.StatusOK)
	read(there, http.StatusServiceUnavailable)
	lists(1, true)
	s.awaits(t, "the node is ready and says what lacks", func(ready frame) bool {
		return ready.yes("degraded") && strings.Contains(fmt.Sprint(ready["parts"]), "store-2")
	})

	second.Start()
	eventually(t, "the room is back", func() error {
		id := alice.sends("send", "room", there, "body", "hi", "key", "late")
		if answer := alice.answer(id); !answer.is("ok") {
			return fmt.Errorf("%v: %w", answer, errNotYet)
		}
		return nil
	})
	seqs[there]++
	bob.reads(there, seqs[there], seqs[there])
	says(there)
	says(here)
	lists(2, false)
	s.awaits(t, "nothing lacks any more", func(ready frame) bool { return !ready.yes("degraded") })
}

func TestANodeStartsWithoutAServerOfTheStore(t *testing.T) {
	t.Parallel()
	issuer, second := newIssuer(t), pgtest.Start(t)
	store := pgtest.URL(t) + " " + second.Database()
	before := startFor(t, issuer, store, nil)
	here, there := before.roomOn(0), before.roomOn(1)
	alice := before.connects(t, "alice")
	for _, room := range []string{here, there} {
		alice.asks("join", "room", room)
		alice.asks("send", "room", room, "body", "hi")
	}
	before.stop()
	second.Stop(pgtest.Fast)

	s := startFor(t, issuer, store, nil)
	s.awaits(t, "the node is ready and says what lacks", func(ready frame) bool {
		return ready.yes("degraded") && strings.Contains(fmt.Sprint(ready["parts"]), "store-2")
	})
	says := func(room string, status int) {
		t.Helper()
		s.gets(t, status, s.token(t, "alice"), "POST", "/v1/rooms/"+room+"/messages", frame{"body": "hi", "key": "again"})
	}
	says(here, http.StatusCreated)
	says(there, http.StatusServiceUnavailable)
	second.Start()
	eventually(t, "the room is back", func() error {
		status, answer, _ := s.calls(t, s.token(t, "alice"), "POST", "/v1/rooms/"+there+"/messages", frame{"body": "hi", "key": "again"})
		if status != http.StatusCreated && status != http.StatusOK {
			return fmt.Errorf("%d %v: %w", status, answer, errNotYet)
		}
		return nil
	})
	if entries := s.gets(t, http.StatusOK, s.token(t, "alice"), "GET", "/v1/rooms/"+there+"/entries", nil).list("entries"); len(entries) != 2 {
		t.Errorf("entries are %v", entries)
	}
}
