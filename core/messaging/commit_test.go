package messaging_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/adapters/memory"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/messaging"
	"github.com/parley-chat/parley/ports"
)

func TestACommitWhoseOutcomeWasLostCountsOnce(t *testing.T) {
	t.Parallel()
	for name, faults := range map[string][]fault{
		"lost before the commit":         {lostBefore},
		"lost after the commit":          {lostAfter},
		"lost twice after the commit":    {lostAfter, lostAfter},
		"lost before and then after":     {lostBefore, lostAfter},
		"lost after and then unreadable": {lostAfter, stalledFor(time.Second)},
		"lost after and then broken":     {lostAfter, broken},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { countsOnce(t, faults) })
		})
	}
}

// countsOnce checks that a lost outcome changes nothing of what senders and readers are told.
func countsOnce(t *testing.T, faults []fault) {
	n := newNode(t, oneLane, func(c *messaging.Config) { c.AppendTimeout, c.RetryFor = 3*time.Second, 10*time.Second })
	alice, bob := n.user("alice"), n.user("bob")
	tea, den := n.room("tea", true), n.room("den", true)
	gate := make(chan struct{})
	n.log.meets(append([]fault{held(gate)}, faults...)...)
	alice.tries(ports.Send{Room: tea, Body: "first"})
	synctest.Wait()
	changes := []struct {
		*answer
		seq chat.Seq
	}{
		{alice.tries(ports.Send{Room: tea, Body: "with a key", Key: "k"}), 2},
		{alice.tries(ports.Send{Room: tea, Body: "without"}), 3},
		{bob.tries(ports.Send{Room: tea, Body: "the same key of another", Key: "k"}), 4},
		{alice.tries(ports.Send{Room: den, Body: "the same key elsewhere", Key: "k"}), 1},
		{alice.tries(ports.Edit{Room: tea, Seq: 1, Body: "edited"}), 5},
		{bob.tries(ports.React{Room: tea, Seq: 1, Emoji: "👍"}), 6},
	}
	again := alice.tries(ports.Send{Room: tea, Body: "with a key", Key: "k"})
	close(gate)
	for i, c := range changes {
		if r, err := c.wait(); err != nil || r.Seq != c.seq || r.Duplicate || r.Unchanged || r.At.IsZero() {
			t.Errorf("change %d: %+v, %v; want seq %d and no duplicate", i, r, err, c.seq)
		}
	}
	if r, err := again.wait(); err != nil || r.Seq != 2 || !r.Duplicate {
		t.Errorf("the same key again: %+v, %v; want a duplicate of 2", r, err)
	}
	synctest.Wait()
	mustBe(t, "tea", bodies(n.logged(tea)), "edited", "with a key", "without", "the same key of another")
	heard, sent := n.told.entries()
	for who, entries := range map[string][]chat.Entry{"the listener": heard, "the bus": sent} {
		mustBe(t, who+" of tea", seqs(entries, tea), 1, 2, 3, 4, 5, 6)
		mustBe(t, who+" of den", seqs(entries, den), 1)
		for _, e := range entries {
			if f, ok := e.Fact.(chat.Reacted); ok {
				mustEqual(t, who+" of the reaction's count", f.Count, 1)
			}
			if m, ok := e.Fact.(chat.Message); ok && (m.Body == "" || e.Messages == 0) {
				t.Errorf("%s heard of a message without what the log gives it: %+v", who, e)
			}
		}
	}
}

// seqs returns the places of a room's entries as they come.
func seqs(entries []chat.Entry, room chat.RoomID) (places []chat.Seq) {
	for i := range entries {
		if entries[i].Room == room {
			places = append(places, entries[i].Seq)
		}
	}
	return places
}

func stalledFor(d time.Duration) fault {
	return func(appendFunc) appendFunc {
		return func(context.Context, []chat.Proposal) ([]ports.Outcome, error) {
			time.Sleep(d)
			return nil, unreachable()
		}
	}
}

func TestAKeyOfAnEarlierSendIsADuplicateThoughTheOutcomeWasLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		alice, room := n.user("alice"), n.room("tea", true)
		send := ports.Send{Room: room, Body: "hi", Key: "k"}
		first := alice.does(send)
		time.Sleep(time.Minute)
		n.log.meets(lostAfter, lostBefore)
		r := alice.does(send)
		if !r.Duplicate || r.Seq != 1 || !r.At.Equal(first.At) {
			t.Errorf("got %+v, want a duplicate of %+v", r, first)
		}
	})
}

func TestWhoIsToldUnavailableThoughItWasStoredLearnsThatFromARetry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		alice, room := n.user("alice"), n.room("tea", true)
		send := ports.Send{Room: room, Body: "hi", Key: "k"}
		n.log.meets(lostAfter)
		n.log.always = lostBefore
		e := alice.isRefused(send, chat.Unavailable)
		n.log.always = nil
		time.Sleep(e.RetryAfter)
		if r := alice.does(send); !r.Duplicate || r.Seq != 1 {
			t.Errorf("the retry got %+v, want a duplicate of 1", r)
		}
		mustEqual(t, "entries", len(n.logged(room)), 1)
	})
}

func TestALostOutcomeDoesNotTurnTwoReactionsAround(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, oneLane)
		alice, room, gate := n.user("alice"), n.room("tea", true), make(chan struct{})
		alice.says(room, "hi")
		alice.does(ports.React{Room: room, Seq: 1, Emoji: "👍"})
		n.log.meets(held(gate), lostAfter)
		alice.tries(ports.Send{Room: room, Body: "busy"})
		synctest.Wait()
		on := alice.tries(ports.React{Room: room, Seq: 1, Emoji: "👍"}) // as it is
		off := alice.tries(ports.React{Room: room, Seq: 1, Emoji: "👍", Remove: true})
		close(gate)
		if r, err := on.wait(); err != nil || !r.Unchanged || r.Seq != 2 {
			t.Errorf("the first got %+v, %v", r, err)
		}
		if r, err := off.wait(); err != nil || r.Unchanged || r.Seq != 4 {
			t.Errorf("the second got %+v, %v", r, err)
		}
		if got := n.logged(room)[0].Fact.(chat.Message).Reactions; len(got) != 0 {
			t.Errorf("what was taken back last is there: %+v", got)
		}
	})
}

func TestWhatOthersAppendedBetweenATryAndItsRetryComesInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, oneLane)
		alice, room := n.user("alice"), n.room("tea", true)
		other := newNodeOn(t, n.store).user("bob")
		n.log.meets(
			lostAfter,
			func(next appendFunc) appendFunc { other.says(room, "between"); return lostBefore(next) },
		)
		gone := alice.tries(ports.Send{Room: room, Body: "lost"})
		if r, err := gone.wait(); err != nil || r.Seq != 1 || r.Duplicate {
			t.Errorf("got %+v, %v", r, err)
		}
		mustEqual(t, "seq of the next", alice.says(room, "next").Seq, 3)
		synctest.Wait()
		heard, _ := n.told.entries()
		places := seqs(heard, room)
		if !slices.IsSorted(places) || !slices.Contains(places, 1) || !slices.Contains(places, 3) {
			t.Errorf("the listener heard of %v", places)
		}
	})
}

func TestAListenerHearsOfTheHeadWhereTheLogCannotBeRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		alice, room := n.user("alice"), n.room("tea", true)
		alice.says(room, "before")
		synctest.Wait()
		n.log.meets(lostAfter)
		n.log.onRead = unreachable
		mustEqual(t, "seq", alice.says(room, "lost").Seq, 2)
		synctest.Wait()
		mustBe(t, "told", n.told.all(), "listener tea/1", "bus tea/1", "head tea/2")
	})
}

func TestALogThatComesBackInTimeIsWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, func(c *messaging.Config) { c.RetryFor = 2 * time.Second })
		alice, room := n.user("alice"), n.room("tea", true)
		back := time.Now().Add(1500 * time.Millisecond)
		n.log.always = func(next appendFunc) appendFunc {
			if time.Now().Before(back) {
				return lostBefore(next)
			}
			return next
		}
		alice.says(room, "hi")
		if late := time.Since(back); late < 0 || late > 500*time.Millisecond {
			t.Errorf("it was written %v after the log was back", late)
		}
	})
}

func TestALogThatStaysAwayIsWaitedForNoLongerThanSaid(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		fault             fault
		shortest, longest time.Duration
	}{
		"when each try fails at once": {lostBefore, 1400 * time.Millisecond, 2 * time.Second},
		"when a try stalls":           {stalled, 3 * time.Second, 3 * time.Second}, // AppendTimeout, and no other try
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				n := newNode(t, func(c *messaging.Config) { c.AppendTimeout, c.RetryFor = 3*time.Second, 2*time.Second })
				alice, room := n.user("alice"), n.room("tea", true)
				n.log.always = row.fault
				began := time.Now()
				e := alice.isRefused(ports.Send{Room: room, Body: "hi"}, chat.Unavailable)
				if took := time.Since(began); took < row.shortest || took > row.longest {
					t.Errorf("the answer took %v, want %v to %v", took, row.shortest, row.longest)
				}
				if e.RetryAfter < time.Millisecond {
					t.Errorf("the client is told to wait %v", e.RetryAfter)
				}
			})
		})
	}
}

func TestAProposalThatTheLogCannotTakeSpoilsNobodyElses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, oneLane)
		alice, room, gate := n.user("alice"), n.room("tea", true), make(chan struct{})
		n.log.always = func(next appendFunc) appendFunc {
			return func(ctx context.Context, p []chat.Proposal) ([]ports.Outcome, error) {
				if slices.ContainsFunc(p, func(p chat.Proposal) bool { return strings.Contains(p.Fact.(chat.Message).Body, "poison") }) {
					return nil, chat.Wrap(chat.Internal, errors.New("invalid byte sequence"), "append")
				}
				return next(ctx, p)
			}
		}
		n.log.meets(held(gate))
		alice.tries(ports.Send{Room: room, Body: "first"})
		synctest.Wait()
		var sent []*answer
		var want []string
		for i := range 200 {
			body := fmt.Sprint(i)
			if i == 77 || i == 199 {
				body = "poison"
			} else {
				want = append(want, body)
			}
			sent = append(sent, alice.tries(ports.Send{Room: room, Body: body}))
		}
		n.log.batches()
		close(gate)
		for i, a := range sent {
			if _, err := a.wait(); errors.Is(err, chat.Internal) != (i == 77 || i == 199) {
				t.Errorf("message %d: %v", i, err)
			}
		}
		mustBe(t, "messages", bodies(n.logged(room)), append([]string{"first"}, want...)...)
		if tries := len(n.log.batches()); tries > 40 {
			t.Errorf("finding two of 200 took %d tries", tries)
		}
		synctest.Wait()
		heard, _ := n.told.entries()
		mustBe(t, "heard", bodies(heard), append([]string{"first"}, want...)...)
	})
}

func TestAProposalThatIsRefusedSpoilsNobodyElses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, oneLane)
		alice, bob, room, gate := n.user("alice"), n.user("bob"), n.room("tea", true), make(chan struct{})
		alice.says(room, "1")
		n.log.meets(held(gate))
		alice.tries(ports.Send{Room: room, Body: "2"})
		synctest.Wait()
		n.log.batches()
		deleted := alice.tries(ports.Delete{Room: room, Seq: 1})
		edited := alice.tries(ports.Edit{Room: room, Seq: 1, Body: "too late"})
		reacted := bob.tries(ports.React{Room: room, Seq: 1, Emoji: "👍"})
		replied := bob.tries(ports.Send{Room: room, Body: "to what?", ReplyTo: 99})
		again := alice.tries(ports.Delete{Room: room, Seq: 1})
		said := bob.tries(ports.Send{Room: room, Body: "4"})
		close(gate)
		for what, row := range map[string]struct {
			*answer
			want ports.Receipt
			kind chat.Kind
		}{
			"the deletion":             {deleted, ports.Receipt{Seq: 3}, ""},
			"an edit of the deleted":   {edited, ports.Receipt{}, chat.Conflict},
			"a reaction to it":         {reacted, ports.Receipt{}, chat.Conflict},
			"a reply to nothing":       {replied, ports.Receipt{}, chat.NotFound},
			"the deletion once more":   {again, ports.Receipt{Seq: 3, Unchanged: true}, ""},
			"the message after it all": {said, ports.Receipt{Seq: 4}, ""},
		} {
			got, err := row.wait()
			if row.kind != "" && !errors.Is(err, row.kind) || row.kind == "" && err != nil {
				t.Errorf("%s: %v, want %q", what, err, row.kind)
			}
			got.Room, got.At = "", time.Time{}
			mustEqual(t, what, got, row.want)
		}
		mustBe(t, "batches", n.log.batches(), 6)
	})
}

func TestABanWhoseOutcomeWasLostIsInForceAtOnce(t *testing.T) {
	t.Parallel()
	for name, after := range map[string]fault{"for a moment": fine, "for good": lostBefore} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				n := newNode(t, func(c *messaging.Config) { c.RetryFor = 2 * time.Second })
				root, bob, room := n.user("root").asAdmin(), n.user("bob"), n.room("tea", true)
				bob.says(room, "may I?") // how he stands is known for 3 s now
				n.log.meets(lostAfter)
				n.log.always = after
				if _, err := n.SetMember(t.Context(), root.Identity, room, "bob", chat.None); name == "for good" != errors.Is(err, chat.Unavailable) {
					t.Fatalf("the ban got %v", err)
				}
				n.log.always = fine
				bob.isRefused(ports.Send{Room: room, Body: "still?"}, chat.Forbidden)
			})
		})
	}
}

func TestALoneStoreAndNoBusIsEnough(t *testing.T) {
	t.Parallel()
	store := memory.New()
	n := newNodeOn(t, store, func(c *messaging.Config) { c.Bus = nil })
	mustEqual(t, "seq", n.user("alice").says(n.room("tea", true), "hi").Seq, 1)
}
