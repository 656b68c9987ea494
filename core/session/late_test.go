package session_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/messaging"
	"github.com/parley-chat/parley/core/session"
	"github.com/parley-chat/parley/ports"
)

// last returns the newest pass that a watcher was told of.
func (w *watcher) last(t *testing.T) ports.FanOut {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.passes) == 0 {
		t.Fatal("told of no pass")
	}
	return w.passes[len(w.passes)-1]
}

func TestAnEntryThatNoNoticeToldOfCountsAsLateAsItCame(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var watchers []*watcher
		w := newWorld(t, 2, toldTo(&watchers))
		alice, bob := w.connects("alice"), w.connectsTo(1, "bob", 1<<20)
		alice.joins("tea")
		bob.joins("tea")
		w.nodes[0].bus.deals(func([]chat.Entry) []chat.Entry { return nil })
		sent := time.Now()
		alice.sends("tea", "found by comparing heads")
		bob.sees("found by comparing heads")
		late := time.Since(sent)
		synctest.Wait()
		if here := watchers[0].last(t); here.First > 100*time.Millisecond {
			t.Errorf("where it was made it counts as late by %v", here.First)
		}
		there := watchers[1].last(t)
		if late < 200*time.Millisecond || there.First < late-100*time.Millisecond || there.Last < there.First {
			t.Errorf("it came %v late, and counts as late by %v and %v", late, there.First, there.Last)
		}
	})
}

// Two entries go out by one pass: the older one counts.
func TestAPassCountsFromItsOldestEntry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var watchers []*watcher
		w := newWorld(t, 1, toldTo(&watchers))
		alice := w.connects("alice")
		alice.joins("tea")
		now := time.Now()
		w.nodes[0].hub.Entries([]chat.Entry{told(1, now.Add(-time.Second)), told(2, now)})
		alice.sees("told", "told")
		synctest.Wait()
		if got := watchers[0].last(t); got.Entries != 2 || got.First < time.Second || got.First > 2*time.Second {
			t.Errorf("told of %+v", got)
		}
	})
}

// told is an entry as another node tells of it.
func told(seq chat.Seq, at time.Time) chat.Entry {
	return chat.Entry{
		Room: "tea", Seq: seq, At: at, Author: chat.Author{ID: "carol", Name: "Carol"}, Key: "k", Messages: int64(seq),
		Fact: chat.Message{Body: "told"},
	}
}

func TestClocksThatDifferCountForNoMoreThanAMinute(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct{ at, shortest, longest time.Duration }{
		"the store's lies ahead":     {time.Hour, 0, time.Second},
		"the store's lies behind":    {-24 * time.Hour, time.Minute, time.Minute + time.Second},
		"the entry is late":          {-3 * time.Second, 3 * time.Second, 4 * time.Second},
		"both say that it comes now": {0, 0, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var watchers []*watcher
				w := newWorld(t, 1, toldTo(&watchers))
				alice := w.connects("alice")
				alice.joins("tea")
				w.nodes[0].hub.Entries([]chat.Entry{told(1, time.Now().Add(row.at))})
				alice.sees("told")
				synctest.Wait()
				if got := watchers[0].last(t); got.First < row.shortest || got.Last > row.longest || got.Last < got.First {
					t.Errorf("it counts as late by %v and %v, want %v to %v", got.First, got.Last, row.shortest, row.longest)
				}
			})
		})
	}
}

// answers remembers how sends were answered.
type answers struct {
	ports.Unobserved
	kinds chan chat.Kind
}

func (a answers) Sent(err error) {
	if err == nil {
		a.kinds <- ""
		return
	}
	a.kinds <- chat.AsError(err).Kind
}

func TestSendsAreToldOfWithWhatCameOfThem(t *testing.T) {
	t.Parallel()
	told := answers{kinds: make(chan chat.Kind, 10)}
	w := newWorld(t, 1, func(d *session.Config, _ *messaging.Config) { d.Observer = told })
	alice := w.connects("alice")
	alice.joins("tea")
	alice.sends("tea", "hello")
	alice.isRefused(ports.Malformed{Of: "send", Err: chat.Errorf(chat.Invalid, "body is missing")}, chat.Invalid)
	alice.isRefused(ports.Malformed{Of: "join", Err: chat.Errorf(chat.Invalid, "room is missing")}, chat.Invalid)
	alice.isRefused(ports.Malformed{Err: chat.Errorf(chat.BadRequest, "no object")}, chat.BadRequest)
	alice.gets(ports.Ping{}, nil)
	close(told.kinds)
	var got []chat.Kind
	for kind := range told.kinds {
		got = append(got, kind)
	}
	if len(got) != 2 || got[0] != "" || got[1] != chat.Invalid {
		t.Errorf("told of sends with %q, want one that is durable and one that is invalid", got)
	}
}
