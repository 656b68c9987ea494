package shards_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/parley-chat/parley/adapters/postgres"
	"github.com/parley-chat/parley/adapters/postgres/pgtest"
	"github.com/parley-chat/parley/adapters/shards"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// withFirst opens a store of two servers, the first one of which can be stopped, with a room on
// each.
func withFirst(t *testing.T) (first *pgtest.Server, configs []postgres.Config, s *shards.Store, here, there chat.RoomID) {
	t.Helper()
	first = pgtest.Start(t)
	configs = append([]postgres.Config{{URL: first.Database(), MaxConns: 4}}, databases(t, 1)...)
	s = open(t, configs)
	for _, room := range roomsOf(t, s, 20) {
		if shards.Slot(room)%2 == 0 {
			here = room
		} else {
			there = room
		}
	}
	return first, configs, s, here, there
}

func TestTheFirstServerTakesOnlyItsRoomsAwayAndWhatIsOfNoRoom(t *testing.T) {
	t.Parallel()
	first, _, s, here, there := withFirst(t)
	c := newChatter(t, s)
	c.writesOnce(t.Context(), here)
	c.writesOnce(t.Context(), there)
	first.Stop(pgtest.Immediate)
	c.writesOnce(t.Context(), there)
	_, err := s.Append(t.Context(), []chat.Proposal{message(here)})
	mustBe(t, err, chat.Unavailable)
	_, _, err = s.Rooms(t.Context(), ports.RoomsQuery{User: "alice", Limit: 100})
	if lack, ok := errors.AsType[*ports.Partial](err); !ok || !lack.Lacks(here) || lack.Lacks(there) {
		t.Errorf("rooms: %v", err)
	}
	must(t, s.Check(t.Context()))
	must(t, s.CheckWrite(t.Context()))
	for what, ask := range map[string]func() error{
		"the log's identity": func() error { _, err := s.LogID(t.Context()); return err },
		"revocations":        func() error { _, _, err := s.Revoked(t.Context(), 0, 10); return err },
		"people":             func() error { _, err := s.Profiles(t.Context(), []chat.UserID{"alice"}); return err },
		"leases":             func() error { _, err := s.Renew(t.Context(), "n", time.Minute); return err },
	} {
		if err := ask(); !errors.Is(err, chat.Unavailable) {
			t.Errorf("%s: %v", what, err)
		}
	}
	first.Start()
	for s.Servers()[0].Check(t.Context()) != nil && t.Context().Err() == nil {
		time.Sleep(10 * time.Millisecond)
	}
	c.writesOnce(t.Context(), here)
	if _, err := s.LogID(t.Context()); err != nil {
		t.Error(err)
	}
	c.mustHave(s)
}

func TestANodeThatStartsWaitsForTheFirstServer(t *testing.T) {
	t.Parallel()
	first, configs, s, here, there := withFirst(t)
	c := newChatter(t, s)
	c.writesOnce(t.Context(), here)
	c.writesOnce(t.Context(), there)
	first.Stop(pgtest.Fast)
	ctx, giveUp := context.WithCancel(t.Context())
	waiting := configs[0]
	waiting.OnWait = func(error) { giveUp() }
	if _, err := postgres.OpenShards(ctx, []postgres.Config{waiting, configs[1]}); !errors.Is(err, chat.Unavailable) {
		t.Errorf("it is opened: %v", err)
	}
	told := make(chan struct{}, 100)
	waiting.OnWait = func(error) { told <- struct{}{} }
	opened := make(chan ports.Log, 1)
	go func() {
		defer close(opened)
		next, closer, err := openAll(t.Context(), []postgres.Config{waiting, configs[1]})
		if err != nil {
			t.Error(err)
			return
		}
		t.Cleanup(closer)
		opened <- next
	}()
	<-told
	first.Start()
	next := <-opened
	if next == nil {
		t.FailNow()
	}
	c.store.Store(&next)
	c.writesOnce(t.Context(), here)
	c.writesOnce(t.Context(), there)
	c.mustHave(next)
}
