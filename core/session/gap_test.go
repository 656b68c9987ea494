package session_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/messaging"
	"github.com/parley-chat/parley/core/session"
	"github.com/parley-chat/parley/ports"
)

// countedReads counts how often the log is read for readers or feeds.
type countedReads struct {
	ports.Log
	n *atomic.Int64
}

func (l countedReads) Read(ctx context.Context, room chat.RoomID, span ports.Span) ([]chat.Entry, error) {
	l.n.Add(1)
	return l.Log.Read(ctx, room, span)
}

// withCountedReads is a world of two nodes, where bob and his friends sit on the second.
func withCountedReads(t *testing.T, friends int) (w *world, reads *atomic.Int64, alice *client, bobs []*client) {
	reads = &atomic.Int64{}
	w = newWorld(t, 2, func(d *session.Config, _ *messaging.Config) { d.Log = countedReads{d.Log, reads} })
	alice = w.connects("alice")
	alice.joins("tea")
	for i := range friends {
		bob := w.connectsTo(1, fmt.Sprint("bob", i), 1<<20)
		bob.joins("tea")
		bobs = append(bobs, bob)
	}
	synctest.Wait()
	reads.Store(0)
	return w, reads, alice, bobs
}

func TestNoticesThatOvertakeEachOtherCostNoRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, reads, alice, bobs := withCountedReads(t, 2)
		var held []chat.Entry
		w.nodes[0].bus.deals(func(e []chat.Entry) []chat.Entry {
			if held = append(held, e...); len(held) < 3 {
				return nil
			}
			held[0], held[2] = held[2], held[0]
			return held
		})
		for _, body := range []string{"one", "two", "three"} {
			alice.sends("tea", body)
		}
		for _, bob := range bobs {
			bob.sees("one", "two", "three")
		}
		if n := reads.Load(); n > 0 {
			t.Errorf("the log was read %d times", n)
		}
	})
}

func TestWhatOneNodeHasNotHeardOfDoesNotHoldUpItsOwn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, reads, alice, bobs := withCountedReads(t, 20)
		w.nodes[0].bus.deals(func([]chat.Entry) []chat.Entry { return nil })
		alice.sends("tea", "one") // the second node does not hear of it
		began := time.Now()
		bobs[0].sends("tea", "two")
		for _, bob := range bobs {
			bob.sees("one", "two")
		}
		if took := time.Since(began); took > 100*time.Millisecond {
			t.Errorf("it took %v", took)
		}
		if n := reads.Load(); n != 1 {
			t.Errorf("the log was read %d times for 20 readers", n)
		}
	})
}

func TestABusThatTellsHeadsOnlyCostsOneReadANode(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, reads, alice, bobs := withCountedReads(t, 20)
		other := w.nodes[1].hub
		w.nodes[0].bus.deals(func(e []chat.Entry) []chat.Entry {
			for i := range e {
				other.Head(e[i].Room, e[i].Seq)
			}
			return nil
		})
		began := time.Now()
		for i := range 10 {
			body := fmt.Sprint("m", i)
			alice.sends("tea", body)
			for _, bob := range bobs {
				bob.sees(body)
			}
		}
		if took := time.Since(began); took > 100*time.Millisecond {
			t.Errorf("it took %v", took)
		}
		if n := reads.Load(); n != 10 {
			t.Errorf("the log was read %d times for 10 entries", n)
		}
	})
}

func TestAHeadThatTheLogDoesNotHaveHoldsUpNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _, alice, bobs := withCountedReads(t, 1)
		w.nodes[1].hub.Head("tea", 1<<40) // a bus may say anything
		synctest.Wait()
		alice.sends("tea", "one")
		bobs[0].sees("one")
		bobs[0].sends("tea", "two")
		bobs[0].sees("two")
		alice.sees("one", "two")
	})
}

func TestAHeadEndsTheWaitOfWhatCameEarly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _, alice, bobs := withCountedReads(t, 1)
		other := w.nodes[1].hub
		var told []chat.Entry
		w.nodes[0].bus.deals(func(e []chat.Entry) []chat.Entry { told = append(told, e...); return nil })
		alice.sends("tea", "one")
		synctest.Wait()
		bobs[0].sends("tea", "two") // comes early, and waits
		began := time.Now()
		for i := range told {
			other.Head(told[i].Room, told[i].Seq)
		}
		bobs[0].sees("one", "two")
		if took := time.Since(began); took > time.Millisecond {
			t.Errorf("it took %v", took)
		}
	})
}
