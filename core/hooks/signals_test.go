package hooks_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/adapters/memory"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/hooks"
	"github.com/parley-chat/parley/ports"
)

func types(user chat.UserID, on bool) chat.Signal {
	return chat.Signal{Room: "tea", User: user, Kind: chat.SignalTyping, On: on}
}

// signalled makes a hook that is told signals of all rooms.
func (n *node) signalled(change func(*ports.HookWish)) ports.HookMade {
	n.t.Helper()
	return n.hooked(func(w *ports.HookWish) {
		if w.Signals = true; change != nil {
			change(w)
		}
	})
}

// sets changes a hook, which must be possible.
func (n *node) sets(id chat.HookID, change ports.HookChange) {
	n.t.Helper()
	if _, err := n.SetHook(context.Background(), admin, id, change); err != nil {
		n.t.Fatal(err)
	}
	synctest.Wait()
}

// fates are what became of signals, once that is counted.
func (n *node) fates() string {
	rest(4 * time.Second)
	n.seen.mu.Lock()
	defer n.seen.mu.Unlock()
	return fmt.Sprint(n.seen.fates)
}

// slow counts the parcels under way, and holds each for a while.
type slow struct {
	*courier
	lasts time.Duration

	mu     sync.Mutex
	now    int
	most   int
	begins []time.Time
}

func (c *slow) Deliver(ctx context.Context, p ports.Parcel) (ports.HookReceipt, error) {
	c.mu.Lock()
	c.now++
	c.most = max(c.most, c.now)
	c.begins = append(c.begins, time.Now())
	c.mu.Unlock()
	time.Sleep(c.lasts)
	defer func() { c.mu.Lock(); c.now--; c.mu.Unlock() }()
	return c.courier.Deliver(ctx, p)
}

func TestSignalsArePostedOnceAndNothingComesOfIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := runs(t, memory.New())
		defer n.stop()
		made := n.signalled(nil)
		n.tells(alice, "tea", "one")
		rest(soon)
		entries := n.courier.parcels()[0]
		n.courier.answer(func(ports.Parcel) (ports.HookReceipt, error) {
			send := ports.HookCommand{Change: ports.Send{Room: "tea", Body: "I act"}}
			return ports.HookReceipt{Status: 200, Answer: ports.HookAnswer{Do: []ports.HookCommand{send}}}, nil
		})
		n.signals.Arose(types("bob", true))
		synctest.Wait()
		parcels := n.courier.parcels()
		if len(parcels) != 1 {
			t.Fatalf("got %d parcels", len(parcels))
		}
		p := parcels[0]
		mustBe(t, "at once", string(p.Body), "tea/bob 1 true 0, ")
		if p.URL != made.URL || !strings.HasPrefix(p.ID, string(made.ID)+".~signals.") || fmt.Sprint(p.Secrets) != fmt.Sprint(entries.Secrets) {
			t.Errorf("got %+v", p)
		}
		if a, err := p.Read([]byte(`{"do":7}`)); err != nil || a.Do != nil || a.Ack != nil {
			t.Errorf("an answer is read: %+v, %v", a, err)
		}
		n.signals.Arose(chat.Signal{Room: "tea", User: "bob", Kind: chat.SignalRead, Seq: 7})
		n.signals.Arose(chat.Signal{Room: "tea", User: "bob", Kind: chat.SignalPresence, On: true})
		n.signals.Arose(chat.Signal{User: "bob", Kind: chat.SignalProfile})
		rest(time.Minute)
		mustBe(t, "the others", n.courier.bodies(), []string{"tea/bob 3 false 7, tea/bob 2 true 0, "})
		mustBe(t, "what is said", n.log("tea"), []string{"alice: one"})
		mustBe(t, "tries", n.seen.tries, map[ports.HookResult]int{ports.HookOK: 1})
		mustBe(t, "fates", n.fates(), "map[told:3]")
	})
}

func TestSignalsAreCoalescedAndBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &slow{courier: &courier{}, lasts: 50 * time.Millisecond}
		n := runs(t, memory.New(), func(cfg *hooks.Config) { cfg.Courier = c })
		defer n.stop()
		n.signalled(nil)
		for i := range 40 { // two seconds of one who types on and off
			n.signals.Arose(types("bob", i%2 == 0))
			rest(50 * time.Millisecond)
		}
		rest(time.Second)
		parcels := c.bodies()
		if len(parcels) > 9 || parcels[len(parcels)-1] != "tea/bob 1 false 0, " {
			t.Errorf("got %q", parcels)
		}
		for i, at := range c.begins[1:] {
			if gap := at.Sub(c.begins[i]); gap < 250*time.Millisecond {
				t.Errorf("%v between two parcels", gap)
			}
		}
		n.signals.Arose(types("first", true))
		synctest.Wait()
		for i := range 150 {
			n.signals.Arose(types(chat.UserID(fmt.Sprint("u", i)), true))
		}
		n.signals.Arose(types("u60", false))
		rest(time.Second)
		parcels = c.bodies()
		if len(parcels) != 2 || !strings.HasPrefix(parcels[1], "tea/u50 ") || !strings.HasSuffix(parcels[1], "u149 1 true 0, tea/u60 1 false 0, ") || strings.Count(parcels[1], ",") != 100 {
			t.Errorf("got %q", parcels)
		}
		c.lasts = 3 * time.Second
		for i := range 40 {
			n.signals.Arose(types(chat.UserID(fmt.Sprint("u", i)), true))
			rest(100 * time.Millisecond)
		}
		rest(time.Minute)
		mustBe(t, "under way at once", c.most, 1)
		if got := n.fates(); !strings.HasPrefix(got, "map[dropped:50 told:") {
			t.Errorf("fates: %s", got)
		}
	})
}

func TestWhichSignalsAHookIsTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := runs(t, memory.New())
		defer n.stop()
		n.tells(alice, "tea", "one")
		n.hooked(nil) // asks for none
		made := n.signalled(func(w *ports.HookWish) {
			w.Filter.Rooms, w.Filter.Types, w.Bot.ID = []chat.RoomPattern{"te*"}, []string{"typing", "message"}, "helper"
		})
		rest(soon)
		n.courier.parcels()
		arise := func() {
			for _, user := range []chat.UserID{"bob", "helper"} {
				n.signals.Arose(types(user, true))
				n.signals.Arose(chat.Signal{Room: "tea", User: user, Kind: chat.SignalPresence, On: true})
				n.signals.Arose(chat.Signal{Room: "den", User: user, Kind: chat.SignalTyping, On: true})
			}
			n.signals.Arose(chat.Signal{Room: "~bob", User: "bob", Kind: chat.SignalRead, Seq: 1})
			rest(time.Second)
		}
		arise()
		mustBe(t, "typing in rooms that fit, not of its own bot", n.courier.bodies(), []string{"tea/bob 1 true 0, "})
		n.sets(made.ID, ports.HookChange{Own: new(true), Types: &[]string{}})
		arise()
		mustBe(t, "of all types and its own", strings.Join(n.courier.bodies(), ""), "tea/bob 1 true 0, tea/bob 2 true 0, tea/helper 1 true 0, tea/helper 2 true 0, ")
		n.sets(made.ID, ports.HookChange{Paused: new(true)})
		arise()
		mustBe(t, "while it is paused", n.courier.bodies(), []string(nil))
		n.sets(made.ID, ports.HookChange{Paused: new(false)})
		rest(time.Second)
		mustBe(t, "once it is not", n.courier.bodies(), []string(nil))
		n.signals.Arose(types("bob", true))
		synctest.Wait()
		mustBe(t, "what comes then", n.courier.bodies(), []string{"tea/bob 1 true 0, "})
		n.sets(made.ID, ports.HookChange{Signals: new(false)})
		arise()
		mustBe(t, "when it asks no more", n.courier.bodies(), []string(nil))

		own := n.signalled(func(w *ports.HookWish) { w.Room, w.Filter.Types = "tea", []string{"typing"} })
		n.courier.parcels()
		arise()
		mustBe(t, "of a room", strings.Join(n.courier.bodies(), ""), "tea/bob 1 true 0, tea/helper 1 true 0, ")
		for _, set := range []struct {
			by   chat.Identity
			user chat.UserID
			role chat.Role
		}{{alice, "carol", chat.Moderate}, {chat.Identity{User: "carol"}, "alice", chat.Write}} {
			if _, err := n.says.SetMember(context.Background(), set.by, "tea", set.user, set.role); err != nil {
				t.Fatal(err)
			}
		}
		rest(soon)
		n.courier.parcels()
		arise()
		h, err := n.Hook(context.Background(), admin, own.ID)
		mustBe(t, "whose maker does not moderate any more", n.courier.bodies(), []string(nil))
		mustBe(t, "though no entry has shown that", fmt.Sprint(h.Paused, err), "<nil>")
		if err := n.DropHook(context.Background(), admin, own.ID); err != nil {
			t.Fatal(err)
		}
		arise()
		mustBe(t, "of one that is gone", n.courier.bodies(), []string(nil))
	})
}

func TestWhoMayAskForSignals(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		updated := false
		n := runs(t, memory.New(), func(c *hooks.Config) {
			c.Has = func(feature string) bool { return updated || feature != ports.FeatureHookSignals }
		})
		defer n.stop()
		made := n.hooked(nil)
		wish := ports.HookWish{Kind: ports.HookPush, URL: "x", Signals: true, Filter: ports.HookFilter{Rooms: []chat.RoomPattern{"*"}}}
		makes := func() error { _, err := n.NewHook(context.Background(), admin, wish); return err }
		changes := func(change ports.HookChange) error {
			_, err := n.SetHook(context.Background(), admin, made.ID, change)
			return err
		}
		mustFail(t, "made while a node is of the release before", makes(), chat.Conflict)
		mustFail(t, "changed then", changes(ports.HookChange{Signals: new(true)}), chat.Conflict)
		updated = true
		wish.Filter.Types = []string{"message"}
		mustFail(t, "with types that no signal has", makes(), chat.Invalid)
		wish.Filter.Types = []string{"message", "presence"}
		mustBe(t, "with one that signals have", makes(), nil)
		wish.Kind, wish.URL = ports.HookPull, ""
		mustFail(t, "of a hook that pulls", makes(), chat.Invalid)
		mustBe(t, "changed", changes(ports.HookChange{Signals: new(true)}), nil)
		mustFail(t, "types changed", changes(ports.HookChange{Types: &[]string{"message"}}), chat.Invalid)
		updated = false
		mustBe(t, "types changed, while a node is of the release before", changes(ports.HookChange{Types: &[]string{"read"}}), nil)
		h, err := n.Hook(context.Background(), admin, made.ID)
		mustBe(t, "shown", fmt.Sprint(h.Signals, h.Filter.Types, err), "true [read] <nil>")
		mustBe(t, "given up", changes(ports.HookChange{Signals: new(false)}), nil)
	})
}

func TestSignalsThatAreNotTakenAreNotRetried(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := runs(t, memory.New())
		defer n.stop()
		made := n.signalled(nil)
		n.courier.answer(status(410))
		arises := func() int {
			n.signals.Arose(types("bob", true))
			rest(300 * time.Millisecond)
			return len(n.courier.parcels())
		}
		mustBe(t, "the first", arises(), 1)
		mustBe(t, "within a second", arises(), 0)
		rest(time.Second)
		mustBe(t, "after that", arises(), 1)
		rest(time.Second)
		mustBe(t, "within two", arises(), 0)
		h, err := n.Hook(context.Background(), admin, made.ID)
		mustBe(t, "it is not paused", fmt.Sprint(h.Paused, err), "<nil>")
		rest(time.Second)
		n.courier.answer(func(ports.Parcel) (ports.HookReceipt, error) {
			return ports.HookReceipt{Status: 429, RetryAfter: 1000 * time.Hour}, nil
		})
		mustBe(t, "then", arises(), 1)
		n.courier.answer(nil)
		rest(50 * time.Minute)
		mustBe(t, "while it wants none", arises(), 0)
		rest(10 * time.Minute)
		mustBe(t, "after an hour", arises(), 1)
		mustBe(t, "fates", n.fates(), "map[dropped:3 failed:3 told:1]")
		mustBe(t, "told as failing", n.seen.fails, []string(nil))

		n.courier.answer(status(500)) // to entries: it is away after three
		for _, room := range []chat.RoomID{"a", "b", "c", "d"} {
			n.tells(alice, room, "hi")
		}
		rest(10 * time.Second)
		n.courier.answer(nil)
		n.courier.parcels()
		n.signals.Arose(types("bob", true))
		synctest.Wait()
		mustBe(t, "while it is away", n.courier.bodies(), []string(nil))
		mustBe(t, "fates", n.fates(), "map[dropped:4 failed:3 told:1]")
	})
}

// stuck has a hook stalled in a room.
type stuck struct {
	ports.Consumers
	room chat.RoomID
}

func (s stuck) Stuck(context.Context, string, chat.RoomID, int) ([]ports.Cursor, error) {
	return []ports.Cursor{{Room: "den"}, {Room: s.room, Stalled: true}}, nil
}

func TestWhereAHookHasStalledItIsToldNoSignals(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		n := runs(t, store, func(c *hooks.Config) { c.Consumers = stuck{store, "tea"} })
		defer n.stop()
		n.signalled(nil)
		n.signals.Arose(types("bob", true))
		n.signals.Arose(chat.Signal{Room: "den", User: "bob", Kind: chat.SignalTyping, On: true})
		rest(time.Second)
		mustBe(t, "told", n.courier.bodies(), []string{"den/bob 1 true 0, "})
		mustBe(t, "fates", n.fates(), "map[dropped:1 told:1]")
	})
}

func TestAPostOfSignalsEndsWithTheService(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := runs(t, memory.New(), func(c *hooks.Config) { c.Courier = hangs{&courier{}} })
		n.signalled(nil)
		n.signals.Arose(types("bob", true))
		synctest.Wait()
		began := time.Now()
		n.stop()
		mustBe(t, "it took", time.Since(began), time.Duration(0))
		n.signals.Arose(types("bob", false))
		rest(time.Minute)
	})
}

func TestSignalsCostNothingWhereNoHookAsks(t *testing.T) { //nolint:paralleltest // it counts the allocations of the whole process
	n := runs(t, memory.New())
	defer n.stop()
	if _, err := n.NewHook(t.Context(), admin, ports.HookWish{Kind: ports.HookPush, URL: "x", Filter: ports.HookFilter{Rooms: []chat.RoomPattern{"*"}}}); err != nil {
		t.Fatal(err)
	}
	signal := types("bob", true)
	mustBe(t, "allocations", testing.AllocsPerRun(1000, func() { n.signals.Arose(signal) }), 0)
}
