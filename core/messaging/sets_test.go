package messaging_test

import (
	"context"
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

// setsOf shows the sets of a room: their places, authors and data.
func (n *node) setsOf(room chat.RoomID) string {
	n.t.Helper()
	var all []string
	for _, e := range n.logged(room) {
		if f, ok := e.Fact.(chat.Set); ok {
			all = append(all, fmt.Sprintf("%d %s %s %d %q", e.Seq, e.Author.ID, f.Type, f.Target, f.Data))
		}
	}
	return strings.Join(all, "; ")
}

// A pin ends by one entry, whichever of several nodes sees first that it is due, and however often
// they look.
func TestAPinEndsByItselfOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		nodes := []*node{newNodeOn(t, store), newNodeOn(t, store), newNodeOn(t, store)}
		room := nodes[0].room("tea", true)
		alice := nodes[0].user("alice").asAdmin()
		alice.says(room, "one")
		alice.says(room, "two")
		until := time.Now().Add(time.Minute)
		alice.does(ports.Pin{Room: room, Seq: 1, Until: until})                  // 3
		alice.does(ports.Pin{Room: room, Seq: 2, Until: until})                  // 4
		alice.does(ports.Pin{Room: room, Seq: 2, Until: until.Add(time.Minute)}) // 5
		time.Sleep(59 * time.Second)
		synctest.Wait()
		mustHead(t, nodes[0], room, 5)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		mustHead(t, nodes[0], room, 6)
		if got := nodes[1].setsOf(room); !strings.HasSuffix(got, `6 ~system pinned 1 ""`) || !strings.Contains(got, "5 alice pinned 2 ") {
			t.Errorf("after a minute the sets are %s", got)
		}
		if _, err := alice.Change(context.Background(), alice.Identity, room, ports.RoomChange{Archived: new(true)}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if got := nodes[1].setsOf(room); !strings.HasSuffix(got, `~system pinned 2 ""`) || strings.Count(got, "~system") != 2 {
			t.Errorf("at the end the sets are %s", got)
		}
	})
}

func mustHead(t *testing.T, n *node, room chat.RoomID, want int) {
	t.Helper()
	if got := len(n.logged(room)); got != want {
		t.Fatalf("there are %d entries, want %d", got, want)
	}
}

// A commit whose outcome is lost, and a node that stops before it has heard of it, make no second
// entry.
func TestAPinEndsOnceThoughCommitsAreLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		first, second := newNodeOn(t, store), newNodeOn(t, store)
		room := first.room("tea", true)
		alice := first.user("alice").asAdmin()
		alice.says(room, "one")
		alice.does(ports.Pin{Room: room, Seq: 1, Until: time.Now().Add(time.Minute)})
		first.log.meets(slices.Repeat([]fault{lostAfter}, 4)...)
		second.log.meets([]fault{lostAfter, lostBefore, lostAfter}...)
		time.Sleep(61 * time.Second)
		first.stop()
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := second.setsOf(room); strings.Count(got, "~system") != 1 {
			t.Errorf("the sets are %s", got)
		}
	})
}

// While a node of an earlier release lives, nothing is taken that it could not serve.
func TestWhatNotAllNodesHaveIsNotOffered(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	room := n.room("tea", true)
	alice := n.user("alice").asAdmin()
	alice.says(room, "one")
	ctx := context.Background()
	lacks := func(feature string) {
		n.told.mu.Lock()
		defer n.told.mu.Unlock()
		n.told.lacks = feature
	}
	pin, set := ports.Pin{Room: room, Seq: 1}, ports.Set{Room: room, Type: "x.a", Data: []byte("1")}
	lacks(ports.FeaturePins)
	alice.isRefused(pin, chat.UnknownType)
	alice.isRefused(ports.Unpin{Room: room, Seq: 1}, chat.UnknownType)
	if _, err := alice.Pins(ctx, alice.Identity, ports.PinsQuery{Room: room, Limit: 1}); !isKind(err, chat.UnknownType) {
		t.Errorf("pins are listed: %v", err)
	}
	alice.does(set)
	lacks(ports.FeatureSets)
	alice.isRefused(set, chat.UnknownType)
	if _, err := alice.RoomSets(ctx, alice.Identity, room); !isKind(err, chat.UnknownType) {
		t.Errorf("sets are listed: %v", err)
	}
	alice.does(pin)
	lacks(ports.FeatureMetadata)
	topic := "Tea"
	if _, err := alice.Change(ctx, alice.Identity, room, ports.RoomChange{Topic: &topic, Name: &topic}); !isKind(err, chat.UnknownType) {
		t.Errorf("a room is described: %v", err)
	}
	if v, err := alice.Change(ctx, alice.Identity, room, ports.RoomChange{Name: &topic}); err != nil || v.Room.Name != "Tea" {
		t.Errorf("a room is not renamed: %v", err)
	}
	lacks("")
	if v, err := alice.Change(ctx, alice.Identity, room, ports.RoomChange{Topic: &topic}); err != nil || v.Topic != "Tea" {
		t.Errorf("a room is not described: %v", err)
	}
}

func isKind(err error, kind chat.Kind) bool { return err != nil && chat.AsError(err).Kind == kind }

// A key names one entry for ever: what is asked for by it, and is something else, is not there.
func TestAKeyOfSomethingElseIsAConflict(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		alice, room := n.user("alice"), n.room("tea", true)
		said := ports.Send{Room: room, Body: "hi", Key: "said"}
		set := ports.Set{Room: room, Type: "x.a", Data: []byte("1"), Key: "set"}
		alice.does(said)
		alice.does(set)
		otherSlot, otherType, onMessage, asSaid := set, set, set, set
		otherSlot.Slot, otherType.Type, onMessage.Target, asSaid.Key = "b", "x.b", 1, said.Key
		for _, change := range []ports.Change{otherSlot, otherType, onMessage, asSaid, ports.Send{Room: room, Body: "ho", Key: set.Key}} {
			if err := alice.isRefused(change, chat.Conflict); !strings.HasPrefix(err.Reason, "key was used for entry ") {
				t.Errorf("%#v: %v", change, err)
			}
		}
		alice.does(ports.Set{Room: room, Type: "x.a", Data: []byte("2")})
		alice.does(ports.Delete{Room: room, Seq: 1})
		for seq, change := range map[chat.Seq]ports.Change{1: said, 2: set} {
			if r := alice.does(change); r.Seq != seq || !r.Duplicate {
				t.Errorf("%#v again: %+v", change, r)
			}
		}
		if got := n.setsOf(room); got != `2 alice x.a 0 ""; 3 alice x.a 0 "2"` {
			t.Errorf("the sets are %s", got)
		}
	})
}

// Of two drafts that set one slot the first may store nothing: they are not committed together.
func TestSetsOfOneSlotKeepTheirOrderThoughCommitsAreLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, func(c *messaging.Config) { c.Lanes = 1 })
		room := n.room("tea", true)
		alice, bob := n.user("alice"), n.user("bob")
		set := func(data string) ports.Set { return ports.Set{Room: room, Type: "x.a", Data: []byte(data)} }
		alice.does(set("1"))
		n.log.meets([]fault{lostAfter, fine, lostAfter, fine}...)
		first, second := alice.tries(set("1")), bob.tries(set("2"))
		for _, a := range []*answer{first, second} {
			if _, err := a.wait(); err != nil {
				t.Fatal(err)
			}
		}
		if got := n.setsOf(room); got != `1 alice x.a 0 ""; 2 bob x.a 0 "2"` {
			t.Errorf("the sets are %s", got)
		}
	})
}

func TestAPageOfPinsIsCutByBytes(t *testing.T) {
	t.Parallel()
	n := newNode(t, func(c *messaging.Config) { c.AnswerBytes = 4 << 10 })
	room := n.room("tea", true)
	alice := n.user("alice").asAdmin()
	for range 3 {
		seq := alice.says(room, strings.Repeat("x", 2000)).Seq
		alice.does(ports.Pin{Room: room, Seq: seq})
	}
	query := ports.PinsQuery{Room: room, Limit: 10}
	for _, want := range []chat.Seq{5, 3, 1} {
		page, err := alice.Pins(context.Background(), alice.Identity, query)
		if err != nil || len(page.Messages) != 1 || page.Messages[0].Seq != want || (page.Next == 0) != (want == 1) {
			t.Fatalf("a page is %+v, %v; want the message %d", page, err, want)
		}
		query.Before = page.Next
	}
}
