package messaging_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/messaging"
	"github.com/parley-chat/parley/ports"
)

// parts are changes of one user.
func (u user) parts(changes ...ports.Change) (all []ports.Part) {
	for _, change := range changes {
		all = append(all, ports.Part{By: u.Identity, Change: change})
	}
	return all
}

// group is n messages with keys that begin with name.
func (u user) group(room chat.RoomID, name string, n int) []ports.Part {
	changes := make([]ports.Change, n)
	for i := range changes {
		text := fmt.Sprint(name, i)
		changes[i] = ports.Send{Room: room, Body: text, Key: chat.Key(text)}
	}
	return u.parts(changes...)
}

// showWritten shows what became of changes, in words.
func showWritten(results []ports.Written) (all []string) {
	for _, is := range results {
		switch e := chat.AsError(is.Err); {
		case is.Err != nil && e.Detail != "":
			all = append(all, string(e.Detail))
		case is.Err != nil:
			all = append(all, string(e.Kind))
		case is.Receipt.Duplicate:
			all = append(all, fmt.Sprint("again ", is.Receipt.Seq))
		default:
			all = append(all, fmt.Sprint(is.Receipt.Seq))
		}
	}
	return all
}

func mustBeWritten(t *testing.T, got []ports.Written, want ...string) {
	t.Helper()
	if !slices.Equal(showWritten(got), want) {
		t.Errorf("got %q, want %q", showWritten(got), want)
		for i, is := range got {
			if is.Err != nil {
				t.Logf("%d: %v", i, is.Err)
			}
		}
	}
}

func TestWhatIsWrittenTogetherIsOneCommit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		alice, bob, room := n.user("alice").asAdmin(), n.user("bob"), n.room("tea", true)
		parts := append(alice.parts(
			ports.Send{Room: room, Body: "one", Key: "1"}, ports.Pin{Room: room, Seq: 1, Key: "2"}, ports.React{Room: room, Seq: 1, Emoji: "👍", Key: "3"},
			ports.Set{Room: room, Type: "x.a", Data: []byte("1"), Key: "4"}, ports.Unpin{Room: room, Seq: 1, Key: "5"},
		), bob.parts(ports.Send{Room: room, Body: "two", Key: "1"})...)
		mustBeWritten(t, alice.WriteTogether(t.Context(), parts), "undone", "undone", "undone", "undone", "invalid", "undone")
		parts = slices.Delete(parts, 4, 5)
		mustBeWritten(t, alice.WriteTogether(t.Context(), parts), "1", "2", "3", "4", "5")
		if sizes := n.log.batches(); !slices.Equal(sizes, []int{5}) {
			t.Errorf("there were %v", sizes)
		}
		got := alice.WriteTogether(t.Context(), parts)
		mustBeWritten(t, got, "again 1", "again 2", "again 3", "again 4", "again 5")
		if heads := len(n.logged(room)); heads != 5 {
			t.Errorf("there are %d entries", heads)
		}
		if none := alice.WriteTogether(t.Context(), nil); len(none) != 0 {
			t.Errorf("nothing gives %v", none)
		}
	})
}

func TestWhatMayNotBeWrittenTogetherIsNotWritten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, func(c *messaging.Config) { c.RateLimit = messaging.Rate{PerSecond: 1, Burst: 5}; c.Autocreate = true })
		alice, bob, room := n.user("alice"), n.user("bob"), n.room("tea", true)
		bob.says(room, "bob's")
		n.log.batches()
		good := ports.Send{Room: room, Body: "good", Key: "good"}
		for _, c := range []struct {
			change ports.Change
			want   string
		}{
			{ports.Send{Room: room, Body: "keyless"}, "invalid"},
			{ports.Send{Room: "other", Body: "x", Key: "k"}, "invalid"},
			{ports.Edit{Room: room, Seq: 1, Body: "x", Key: "k"}, "forbidden"},
			{ports.Edit{Room: room, Seq: 9, Body: "x", Key: "k"}, "not_found"},
			{ports.Delete{Room: room, Seq: 1, Key: "k"}, "forbidden"},
			{ports.Pin{Room: room, Seq: 1, Key: "k"}, "forbidden"},
			{ports.Send{Room: room, Body: "x", Key: "k", ReplyTo: 9}, "not_found"},
		} {
			time.Sleep(time.Minute) // in the bubble: the bucket is full again
			mustBeWritten(t, alice.WriteTogether(t.Context(), alice.parts(good, c.change, good)), "undone", c.want, "undone")
		}
		time.Sleep(time.Minute)
		mustBeWritten(t, alice.WriteTogether(t.Context(), alice.group(room, "more than the limit ever lets through", 6)),
			"invalid", "undone", "undone", "undone", "undone", "undone")
		mustBeWritten(t, alice.WriteTogether(t.Context(), append(alice.group(room, "a", 4), bob.group(room, "b", 2)...)), "2", "3", "4", "5", "6", "7")
		mustBeWritten(t, alice.WriteTogether(t.Context(), append(bob.group(room, "c", 1), alice.group(room, "c", 2)...)), "undone", "rate_limited", "undone")
		if log := n.logged(room); len(log) != 7 {
			t.Errorf("there are %d entries", len(log))
		}
		// They make a room if all of them are messages.
		first := func(body string) ports.Send {
			return ports.Send{Room: "new", Body: body, Key: chat.Key(body), Makes: true}
		}
		time.Sleep(time.Minute)
		mustBeWritten(t, alice.WriteTogether(t.Context(), alice.parts(first("a"), ports.React{Room: "new", Seq: 1, Emoji: "x", Key: "r"})), "undone", "not_found")
		if _, err := n.store.Standing(t.Context(), "new", "alice"); !errors.Is(err, chat.NotFound) {
			t.Errorf("the room is there: %v", err)
		}
		got := alice.WriteTogether(t.Context(), alice.parts(first("a"), first("b")))
		mustBeWritten(t, got, "1", "2")
		if got[0].Receipt.Made == nil || got[1].Receipt.Made != nil {
			t.Errorf("made: %+v", got)
		}
	})
}

// What is written together is never in two appends, however it comes to lie in the queue.
func TestGroupsAreNeverSplit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, func(c *messaging.Config) { c.MaxBatch, c.Lanes = 8, 1 })
		alice, room := n.user("alice"), n.room("tea", true)
		other := n.room("other", true)
		calls, whole := 0, map[uint64]int{} // the sizes of groups
		n.log.always = func(next appendFunc) appendFunc {
			return func(ctx context.Context, p []chat.Proposal) ([]ports.Outcome, error) {
				time.Sleep(time.Millisecond) // so that others queue
				in := map[uint64]int{}
				for i := range p {
					in[p[i].Group]++
				}
				for group, size := range in {
					if was, seen := whole[group]; seen && group != 0 && was != size {
						t.Errorf("of the %d of a group %d came in one call", max(was, size), min(was, size))
					}
					whole[group] = size
				}
				if calls++; len(p) > 1 && calls%5 == 0 { // halves
					return nil, chat.Errorf(chat.Internal, "cannot take that")
				}
				if calls%7 == 0 { // and is asked again
					_, _ = next(ctx, p)
					return nil, chat.Errorf(chat.Unavailable, "lost")
				}
				return next(ctx, p)
			}
		}
		results := make(chan []ports.Written, 40)
		for i := range 40 {
			size := 1 + i%12
			go func() {
				results <- alice.WriteTogether(context.Background(), alice.group(room, fmt.Sprintf("g%d-", i), size))
			}()
			alice.tries(ports.Send{Room: other, Body: "between"})
			alice.tries(ports.Set{Room: room, Type: "x.a", Data: []byte(fmt.Sprint(i))})
		}
		refused := 0
		for range 40 {
			all := <-results
			ok, bad := 0, 0
			for i, is := range all {
				if is.Err != nil {
					bad++
				} else if ok++; is.Receipt.Seq != all[0].Receipt.Seq+chat.Seq(i) {
					t.Errorf("they do not follow each other: %v", showWritten(all))
				}
			}
			if ok > 0 && bad > 0 {
				t.Errorf("done in part: %v", showWritten(all))
			}
			refused += bad
		}
		n.stop()
		if delete(whole, 0); len(whole) != 40 || refused > 100 {
			t.Errorf("%d groups were appended, %d changes were refused", len(whole), refused)
		}
		sizes := map[string]int{}
		for _, e := range n.logged(room) {
			if m, ok := e.Fact.(chat.Message); ok {
				var g, i int
				if _, err := fmt.Sscanf(m.Body, "g%d-%d", &g, &i); err != nil || i != sizes[fmt.Sprint(g)] {
					t.Errorf("%q comes as %d of its group", m.Body, sizes[fmt.Sprint(g)])
				}
				sizes[fmt.Sprint(g)]++
			}
		}
		for g, size := range sizes {
			var i int
			fmt.Sscan(g, &i)
			if size != 1+i%12 {
				t.Errorf("of group %s there are %d", g, size)
			}
		}
	})
}

// What is written together waits aside as a whole while somebody holds the room, and goes on so.
func TestAGroupWaitsAsideAsAWhole(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		held := &locks{}
		n := newNode(t, func(c *messaging.Config) { c.MaxBatch, c.Lanes = 4, 1 })
		n.log.always = held.fault
		alice, room, other := n.user("alice"), n.room("tea", true), n.room("other", true)
		held.set(room, true)
		results := make(chan []ports.Written, 3)
		for i, size := range []int{6, 3, 5} {
			go func() {
				results <- alice.WriteTogether(context.Background(), alice.group(room, fmt.Sprintf("g%d-", i), size))
			}()
			time.Sleep(time.Second)
			alice.says(other, "is not held up")
		}
		if len(n.logged(room)) != 0 || len(n.logged(other)) != 3 {
			t.Errorf("there are %d and %d entries", len(n.logged(room)), len(n.logged(other)))
		}
		n.log.batches()
		held.set(room, false)
		for range 3 {
			all := <-results
			for i, is := range all {
				if is.Err != nil || is.Receipt.Seq != all[0].Receipt.Seq+chat.Seq(i) {
					t.Errorf("got %v", showWritten(all))
				}
			}
		}
		if sizes := n.log.batches(); slices.Contains(sizes, 4) || len(n.logged(room)) != 14 {
			t.Errorf("%d entries came by %v", len(n.logged(room)), sizes)
		}
	})
}

// A node that cannot reach the log answers what is written together as the log's error, all of it.
func TestAGroupThatCannotBeWrittenFailsAsAWhole(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		alice, room := n.user("alice"), n.room("tea", true)
		n.log.always = func(appendFunc) appendFunc {
			return func(context.Context, []chat.Proposal) ([]ports.Outcome, error) {
				return nil, chat.Errorf(chat.Unavailable, "away")
			}
		}
		mustBeWritten(t, alice.WriteTogether(t.Context(), alice.group(room, "a", 3)), "unavailable", "unavailable", "unavailable")
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		mustBeWritten(t, alice.WriteTogether(ctx, alice.group(room, "a", 3)), "unavailable", "unavailable", "unavailable")
	})
}
