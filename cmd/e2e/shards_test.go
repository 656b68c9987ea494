package e2e_test

import (
	"bufio"
	"fmt"
	"net/http"
	"os/exec"
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

// shardsCommand is a call of parley shards for a store.
func shardsCommand(t *testing.T, store, what string) *exec.Cmd {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "shards", what)
	cmd.Env = append(environ(), "PARLEY_STORE_URL="+store)
	cmd.Dir = t.TempDir()
	return cmd
}

// killedAt kills a call once it has said a number of lines, and waits until it has ended. One that
// was killed earlier may have come so far that this one has less to say: then it must end well.
func killedAt(t *testing.T, cmd *exec.Cmd, lines int) {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var faults strings.Builder
	cmd.Stderr = &faults
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewScanner(out)
	for range lines {
		if !said.Scan() {
			if err := cmd.Wait(); err != nil {
				t.Errorf("it said nothing more, and ended with %v: %s", err, faults.String())
			}
			return
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = cmd.Wait() // it was killed, or had ended
}

func TestAServiceGrowsToTwoServers(t *testing.T) {
	t.Parallel()
	issuer, first := newIssuer(t), pgtest.Start(t)
	before := startFor(t, issuer, first.URL(), nil)
	here, there := before.roomOn(0), before.roomOn(1)
	alice := before.connects(t, "alice")
	for _, room := range []string{here, there} {
		alice.asks("join", "room", room)
		alice.asks("send", "room", room, "body", "hi")
	}
	standby := first.Standby(t)
	both := first.URL() + " " + standby.URL()
	mustSay := func(what, want string) {
		t.Helper()
		if out, err := shardsCommand(t, both, what).CombinedOutput(); err != nil || !strings.Contains(string(out), want) {
			t.Errorf("%s: %v, %s", what, err, out)
		}
	}
	mustSay("status", "next: parley shards grow")
	alice.asks("send", "room", there, "body", "hi")
	for lines := 1; lines < 3; lines++ {
		killedAt(t, shardsCommand(t, both, "grow"), lines)
	}
	mustSay("grow", "2 databases")
	if err := <-before.failed; !strings.Contains(err.Error(), "PARLEY_STORE_URL") {
		t.Errorf("the node that does not know the map ends with %v", err)
	}
	before.stop()

	after := startFor(t, issuer, both, nil)
	says := func() {
		t.Helper()
		for _, room := range []string{here, there} {
			after.gets(t, http.StatusCreated, after.token(t, "alice"), "POST", "/v1/rooms/"+room+"/messages", frame{"body": "hi"})
		}
	}
	says()
	killedAt(t, shardsCommand(t, both, "drop"), 1)
	mustSay("drop", "database 2")
	mustSay("status", "nothing to do")
	says()
	for room, want := range map[string]int{here: 3, there: 4} {
		if entries := after.gets(t, http.StatusOK, after.token(t, "alice"), "GET", "/v1/rooms/"+room+"/entries", nil).list("entries"); len(entries) != want {
			t.Errorf("%s: entries are %v", room, entries)
		}
	}
	if page := after.gets(t, http.StatusOK, after.token(t, "alice"), "GET", "/v1/rooms", nil); len(page.list("rooms")) != 2 {
		t.Errorf("rooms are %v", page)
	}
	if out, err := shardsCommand(t, standby.URL()+" "+first.URL(), "grow").CombinedOutput(); err == nil {
		t.Errorf("another order is taken: %s", out)
	}
}
