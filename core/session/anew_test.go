package session_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/adapters/memory"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/messaging"
	"github.com/parley-chat/parley/core/session"
	"github.com/parley-chat/parley/ports"
)

// replicated is a store with a standby, which may lag behind. In a bubble, where time stands still
// while both append, they have the same entries.
type replicated struct {
	ports.Directory // not used by the tests

	mu            sync.Mutex
	used, standby *memory.Store
	lags          bool
}

func newReplicated() *replicated {
	r := &replicated{used: memory.New(), standby: memory.New()}
	r.Directory = r.used
	return r
}

func (r *replicated) store() *memory.Store {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.used
}

// fallsBehind: the standby gets nothing any more.
func (r *replicated) fallsBehind() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lags = true
}

// promotes puts the standby in the place of the store.
func (r *replicated) promotes() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.used, r.standby, r.lags = r.standby, memory.New(), true
}

func (r *replicated) Append(ctx context.Context, p []chat.Proposal) ([]ports.Outcome, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.lags {
		if _, err := r.standby.Append(ctx, p); err != nil {
			return nil, err
		}
	}
	return r.used.Append(ctx, p)
}

func (r *replicated) Create(ctx context.Context, room chat.Room, owner chat.UserID) (chat.Room, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, err := r.standby.Create(ctx, room, owner); err != nil && !r.lags {
		return room, err
	}
	return r.used.Create(ctx, room, owner)
}

func (r *replicated) Read(ctx context.Context, room chat.RoomID, span ports.Span) ([]chat.Entry, error) {
	return r.store().Read(ctx, room, span)
}

func (r *replicated) Entry(ctx context.Context, room chat.RoomID, seq chat.Seq) (chat.Entry, error) {
	return r.store().Entry(ctx, room, seq)
}

func (r *replicated) Heads(ctx context.Context, rooms []chat.RoomID) (map[chat.RoomID]chat.Seq, error) {
	return r.store().Heads(ctx, rooms)
}

func (r *replicated) Standing(ctx context.Context, room chat.RoomID, user chat.UserID) (chat.Standing, error) {
	return r.store().Standing(ctx, room, user)
}

func (r *replicated) Places(ctx context.Context, asked []ports.Place) ([]chat.Standing, error) {
	return r.store().Places(ctx, asked)
}

// faulted notes what goes wrong.
type faulted struct {
	ports.Unobserved
	mu   sync.Mutex
	said []string
}

func (f *faulted) Fault(_ context.Context, while string, err error) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.said = append(f.said, while+": "+err.Error())
	return "1"
}

func (f *faulted) count(while string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, said := range f.said {
		if strings.HasPrefix(said, while) {
			n++
		}
	}
	return n
}

// promoted is a world of two nodes on a store with a standby, where all have read one, two and
// three, of which the standby lacks the last.
func promoted(t *testing.T) (w *world, r *replicated, f *faulted, alice, bob *client) {
	r, f = newReplicated(), &faulted{}
	w = newWorld(t, 2, func(d *session.Config, m *messaging.Config) {
		d.Log, m.Log, m.Directory, d.Observer = r, r, r, f
	})
	alice, bob = w.connects("alice"), w.connectsTo(1, "bob", 1<<20)
	for _, c := range []*client{alice, bob} {
		c.joins("tea")
	}
	alice.sends("tea", "one")
	time.Sleep(time.Second)
	alice.sends("tea", "two")
	time.Sleep(time.Second)
	synctest.Wait()
	r.fallsBehind()
	alice.sends("tea", "three")
	for _, c := range []*client{alice, bob} {
		c.sees("one", "two", "three")
	}
	time.Sleep(time.Second)
	return w, r, f, alice, bob
}

func TestALogThatLostItsTailIsNoticedInCalm(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, r, f, alice, bob := promoted(t)
		r.promotes()
		time.Sleep(10 * time.Second)
		if n := f.count("keep to the log"); n != 2 {
			t.Errorf("it was told %d times on two nodes: %v", n, f.said)
		}
		carol := w.connects("carol")
		carol.joins("tea", 2)
		if sent := carol.sends("tea", "another"); sent.Seq != 3 {
			t.Fatalf("sent is %+v", sent)
		}
		for _, c := range []*client{alice, bob, carol} {
			c.sees("another")
		}
	})
}

func TestALogThatHasOtherEntriesIsNoticedByTheFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, r, f, alice, bob := promoted(t)
		w.nodes[0].bus.deals(func([]chat.Entry) []chat.Entry { return nil }) // the second node finds out by itself
		r.promotes()
		carol := w.connects("carol")
		carol.joins("tea", 2)
		carol.sends("tea", "x")
		carol.sends("tea", "y")
		carol.sends("tea", "z")
		for _, c := range []*client{alice, bob} {
			c.sees("x", "y", "z")
		}
		for node, name := range []string{"dave", "erin"} {
			late := w.connectsTo(node, name, 1<<20)
			late.joins("tea", 1)
			late.sees("two", "x", "y", "z")
		}
		if n := f.count("keep to the log"); n != 2 {
			t.Errorf("it was told %d times on two nodes: %v", n, f.said)
		}
	})
}

func TestALogThatLostItsTailAndGrewByVeryMuchIsNoticed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, r, f, alice, bob := promoted(t)
		w.nodes[0].bus.deals(func([]chat.Entry) []chat.Entry { return nil })
		r.promotes()
		const more = 2500
		batch := make([]chat.Proposal, more)
		for i := range batch {
			batch[i] = chat.Proposal{
				Room: "tea", Author: chat.Author{ID: "carol"}, By: chat.Rights{Everybody: true}, Key: chat.NewKey(), Fact: chat.Message{Body: fmt.Sprint("m", i)},
			}
		}
		if _, err := r.Append(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		for _, c := range []*client{alice, bob} {
			for i := range more {
				c.sees(fmt.Sprint("m", i))
			}
		}
		if n := f.count("keep to the log"); n != 2 {
			t.Errorf("it was told %d times on two nodes: %v", n, f.said)
		}
	})
}

func TestALogThatLostItsTailKeepsTheRestOfTheReaders(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, r, _, alice, _ := promoted(t)
		r.promotes()
		time.Sleep(10 * time.Second)
		alice.sends("tea", "four") // at 3, and then on
		alice.sends("tea", "five")
		alice.sees("four", "five")
		late := w.connects("late")
		late.joins("tea", 0)
		late.sees("one", "two", "four", "five")
	})
}

// TestANoticeThatTheLogDoesNotAgreeWithMovesNobody tells a node of entries that differ from the
// log's, each in one way.
func TestANoticeThatTheLogDoesNotAgreeWithMovesNobody(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*chat.Entry){
		"another key":    func(e *chat.Entry) { e.Key = "another" },
		"another author": func(e *chat.Entry) { e.Author.ID = "mallory" },
		"another time":   func(e *chat.Entry) { e.At = e.At.Add(-time.Microsecond) },
		"a later time":   func(e *chat.Entry) { e.At = e.At.Add(time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w, _, f, alice, bob := promoted(t)
				e, err := w.nodes[0].service.History(t.Context(), *identity("alice"), ports.History{Room: "tea", Limit: 2})
				if err != nil || len(e.Entries) != 2 {
					t.Fatal(e, err)
				}
				for i := range e.Entries {
					change(&e.Entries[i])
				}
				w.nodes[1].hub.Entries(e.Entries[:1])
				synctest.Wait()
				if n := f.count("take a notice"); n != 1 {
					t.Errorf("it was told %d times: %v", n, f.said)
				}
				w.nodes[1].hub.Entries(e.Entries[1:])
				synctest.Wait()
				alice.sends("tea", "four")
				for _, c := range []*client{alice, bob} {
					c.sees("four")
				}
				if n := f.count("keep to the log"); n != 0 {
					t.Errorf("the log is said to have changed: %v", f.said)
				}
			})
		})
	}
}

func TestWhatComesTwiceCastsNoDoubt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _, f, alice, bob := promoted(t)
		w.nodes[0].bus.deals(func(e []chat.Entry) []chat.Entry { return append(slices.Clip(e), e...) })
		sent := alice.sends("tea", "four")
		bob.sees("four") // before it is edited: from the log he would get its present form
		alice.gets(ports.Edit{Room: "tea", Seq: sent.Seq, Body: "4"}, nil)
		bob.sees("4")
		page, err := w.nodes[0].service.History(t.Context(), *identity("alice"), ports.History{Room: "tea", Limit: 9})
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range w.nodes {
			n.hub.Entries(page.Entries) // in their present form
		}
		synctest.Wait()
		if len(f.said) > 0 {
			t.Errorf("told was %v", f.said)
		}
	})
}

func TestARenewedLogHasAllBeginAnew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, r, _, alice, bob := promoted(t)
		r.promotes()
		for _, n := range w.nodes {
			n.hub.Anew()
		}
		for _, c := range []*client{alice, bob} {
			if wait := c.hears("drain").RetryMS; wait < 1 || wait > 10_000 {
				t.Errorf("%s is to come back after %d ms", c.name, wait)
			}
			if l := c.hears("close"); l.Reason != ports.CloseRenewed {
				t.Errorf("%s is sent away with %v", c.name, l.Reason)
			}
			if l, more := c.awaits(func(l line) bool { return l.Kind == "entry" }); more {
				t.Errorf("%s gets %+v besides", c.name, l)
			}
		}
		for node, name := range []string{"alice", "bob"} {
			back := w.connectsTo(node, name, 1<<20)
			if j := back.joins("tea", 0); j.Head != 2 {
				t.Errorf("%s finds the head %d", name, j.Head)
			}
			back.sees("one", "two")
		}
	})
}
