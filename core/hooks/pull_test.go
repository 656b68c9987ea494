package hooks_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/adapters/memory"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// pulled makes a hook that pulls.
func (n *node) pulled() ports.HookMade {
	n.t.Helper()
	return n.hooked(func(w *ports.HookWish) { w.Kind, w.URL = ports.HookPull, "" })
}

// pulls returns what there is to pull, by the hook's secret.
func (n *node) pulls(made ports.HookMade, wait time.Duration, limit int) []ports.HookBatch {
	n.t.Helper()
	batches, err := n.PullHook(context.Background(), ports.HookCaller{Secret: made.Secret}, made.ID, wait, limit)
	if err != nil {
		n.t.Fatalf("pull: %v", err)
	}
	return batches
}

func (n *node) acks(made ports.HookMade, b ports.HookBatch, answer ports.HookAnswer) chat.Seq {
	n.t.Helper()
	seq, err := n.AckHook(context.Background(), ports.HookCaller{Secret: made.Secret}, made.ID, ports.HookAck{
		ID: b.ID, Answer: func(chat.RoomID) (ports.HookAnswer, error) { return answer, nil },
	})
	if err != nil {
		n.t.Fatalf("acknowledge %s: %v", b.ID, err)
	}
	return seq
}

// texts are batches as packed.
func texts(batches []ports.HookBatch) (list []string) {
	for i := range batches {
		list = append(list, string(pack(nil, &batches[i])))
	}
	return list
}

func TestWhoPullsGetsWhatThereIsAndGoesOnBehindIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := runs(t, memory.New())
		defer n.stop()
		for _, body := range []string{"one", "two", "three"} {
			n.tells(alice, "tea", body)
		}
		n.tells(bob, "den", "hi")
		made := n.pulled()
		batches := n.pulls(made, 0, 100)
		mustBe(t, "first", texts(batches), []string{"den 1-1/1: hi", "tea 1-3/3: one two three"})
		mustBe(t, "leased", texts(n.pulls(made, 0, 100)), []string(nil))
		one := chat.Seq(1)
		mustBe(t, "a part", n.acks(made, batches[1], ports.HookAnswer{Ack: &one}), 1)
		again := n.pulls(made, 0, 1)
		mustBe(t, "what is left, and no more than the limit", texts(again), []string{"tea 2-2/3: two"})
		mustBe(t, "that too", n.acks(made, again[0], ports.HookAnswer{}), 2)
		last := n.pulls(made, 0, 100)
		mustBe(t, "the rest", texts(last), []string{"tea 3-3/3: three"})
		n.acks(made, last[0], ports.HookAnswer{})
		mustBe(t, "twice", n.acks(made, batches[1], ports.HookAnswer{}), 3)
		rest(ports.LeaseTime)
		mustBe(t, "what nobody acknowledged comes again", texts(n.pulls(made, 0, 100)), []string{"den 1-1/1: hi"})
		mustBe(t, "faults", n.seen.wrong, []string(nil))
	})
}

func TestWhoPullsWaitsForSomething(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := runs(t, memory.New())
		defer n.stop()
		made := n.pulled()
		began := time.Now()
		mustBe(t, "nothing", len(n.pulls(made, 5*time.Second, 100)), 0)
		mustBe(t, "waited", time.Since(began), 5*time.Second)
		go func() { time.Sleep(3 * time.Second); n.tells(alice, "tea", "at last") }()
		began = time.Now()
		batches := n.pulls(made, 30*time.Second, 100)
		mustBe(t, "what comes", texts(batches), []string{"tea 1-1/1: at last"})
		if took := time.Since(began); took > 4*time.Second {
			t.Errorf("it took %v", took)
		}
		n.acks(made, batches[0], ports.HookAnswer{Do: []ports.HookCommand{{Change: ports.Send{Room: "tea", Body: "thanks"}}}})
		n.acks(made, batches[0], ports.HookAnswer{Do: []ports.HookCommand{{Change: ports.Send{Room: "tea", Body: "thanks"}}}})
		mustBe(t, "log", n.log("tea"), []string{"alice: at last", "~hook." + string(made.ID) + ": thanks"})
		mustBe(t, "its own words do not come back", texts(n.pulls(made, 3*time.Second, 100)), []string(nil))
		done := make(chan int)
		go func() { done <- len(n.pulls(made, time.Hour, 100)) }()
		synctest.Wait()
		n.Drain()
		mustBe(t, "when the node goes away", <-done, 0)
	})
}

func TestOnlyItsOwnerPulls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := runs(t, memory.New())
		defer n.stop()
		made, other, push := n.pulled(), n.pulled(), n.hooked(nil)
		ctx := context.Background()
		pull := func(by ports.HookCaller, id chat.HookID) error { _, err := n.PullHook(ctx, by, id, 0, 1); return err }
		mustFail(t, "with another's secret", pull(ports.HookCaller{Secret: other.Secret}, made.ID), chat.Unauthenticated)
		mustFail(t, "of one that there is not", pull(ports.HookCaller{Secret: other.Secret}, chat.NewHookID()), chat.Unauthenticated)
		mustFail(t, "with no secret", pull(ports.HookCaller{Secret: "whsec_"}, made.ID), chat.Unauthenticated)
		for range 30 {
			pull(ports.HookCaller{Secret: other.Secret}, made.ID)
		}
		mustFail(t, "with too many wrong secrets", pull(ports.HookCaller{Secret: other.Secret}, made.ID), chat.RateLimited)
		if err := pull(ports.HookCaller{Secret: made.Secret}, made.ID); err != nil {
			t.Errorf("meanwhile, with the right one: %v", err)
		}
		mustFail(t, "as anybody", pull(ports.HookCaller{By: alice}, made.ID), chat.NotFound)
		mustFail(t, "of one that is posted to", pull(ports.HookCaller{By: admin}, push.ID), chat.Conflict)
		if err := pull(ports.HookCaller{By: admin}, made.ID); err != nil {
			t.Errorf("an admin: %v", err)
		}
		is := string(made.ID)
		for _, id := range []string{
			"", "x", is, is + ".tea.1-1", string(other.ID) + ".tea.1-1.abc", is + ".TEA.1-1.abc", is + ".tea.2-1.abc", is + ".tea.0-1.abc",
			is + ".tea.1-99999999999999999999.abc",
		} {
			_, err := n.AckHook(ctx, ports.HookCaller{By: admin}, made.ID, ports.HookAck{ID: id})
			mustFail(t, "acknowledge "+id, err, chat.Invalid)
		}
		if _, err := n.SetHook(ctx, admin, made.ID, ports.HookChange{Paused: new(true)}); err != nil {
			t.Fatal(err)
		}
		mustFail(t, "of one that is paused", pull(ports.HookCaller{By: admin}, made.ID), chat.Conflict)
		var errs []error
		wait := make(chan error)
		for range 10 {
			go func() {
				_, err := n.PullHook(ctx, ports.HookCaller{By: admin}, other.ID, 2*time.Second, 1)
				wait <- err
			}()
		}
		for range 10 {
			errs = append(errs, <-wait)
		}
		limited := 0
		for _, err := range errs {
			if err != nil {
				mustFail(t, "too many at once", err, chat.RateLimited)
				limited++
			}
		}
		mustBe(t, "of ten at once that may wait", 10-limited, 8)
	})
}

func TestSeekAndSkip(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := runs(t, memory.New())
		defer n.stop()
		ctx := context.Background()
		made := n.hooked(func(w *ports.HookWish) { w.Filter.Rooms = []chat.RoomPattern{"tea", "den"} })
		n.tells(alice, "tea", "one")
		rest(10 * time.Minute)
		middle := time.Now()
		n.tells(alice, "tea", "two")
		n.tells(alice, "den", "hi")
		rest(soon)
		n.courier.bodies()
		seek := func(what string, seek ports.HookSeek, want ...string) {
			t.Helper()
			if err := n.SeekHook(ctx, admin, made.ID, seek); err != nil {
				t.Errorf("%s: %v", what, err)
			}
			rest(soon)
			got := n.courier.bodies()
			mustBe(t, what, strings.Join(got, "; "), strings.Join(want, "; "))
		}
		seek("behind an entry", ports.HookSeek{Room: "tea", After: new(chat.Seq(1))}, "tea 2-2/2: two")
		seek("to a time", ports.HookSeek{Room: "tea", At: middle}, "tea 2-2/2: two")
		seek("to the start", ports.HookSeek{Room: "tea"}, "tea 1-2/2: one two")
		seek("to the end", ports.HookSeek{Room: "tea", After: new(chat.Seq(2))})
		if err := n.SeekHook(ctx, admin, made.ID, ports.HookSeek{}); err != nil {
			t.Fatal(err)
		}
		rest(soon)
		mustBe(t, "all to the start", len(n.courier.bodies()), 2)
		if err := n.SeekHook(ctx, admin, made.ID, ports.HookSeek{At: middle}); err != nil {
			t.Fatal(err)
		}
		rest(soon)
		mustBe(t, "all to a time", len(n.courier.bodies()), 2)

		for what, s := range map[string]ports.HookSeek{
			"beyond the head": {Room: "tea", After: new(chat.Seq(3))}, "elsewhere": {Room: "elsewhere"}, "after without a room": {After: new(chat.Seq(1))},
			"both": {Room: "tea", After: new(chat.Seq(1)), At: middle},
		} {
			mustFail(t, what, n.SeekHook(ctx, admin, made.ID, s), chat.Invalid)
		}
		mustFail(t, "by another", n.SeekHook(ctx, alice, made.ID, ports.HookSeek{}), chat.NotFound)

		n.courier.answer(status(500))
		n.tells(alice, "tea", "poison")
		n.tells(alice, "tea", "four")
		rest(soon)
		mustFail(t, "skip beyond the head", n.SkipHook(ctx, admin, made.ID, ports.HookSkip{Room: "tea", To: 5, Why: "x"}), chat.Conflict)
		mustFail(t, "skip what is done", n.SkipHook(ctx, admin, made.ID, ports.HookSkip{Room: "tea", To: 2, Why: "x"}), chat.Conflict)
		mustFail(t, "skip elsewhere", n.SkipHook(ctx, admin, made.ID, ports.HookSkip{Room: "x", To: 2, Why: "x"}), chat.Invalid)
		n.courier.answer(nil)
		n.courier.bodies()
		if err := n.SkipHook(ctx, admin, made.ID, ports.HookSkip{Room: "tea", To: 3, Why: "it is poison"}); err != nil {
			t.Fatal(err)
		}
		rest(soon)
		mustBe(t, "behind what was skipped", n.courier.bodies(), []string{"tea 4-4/4: four"})
		mustBe(t, "it is told", n.seen.has("root skipped tea it is poison"), true)
	})
}

func TestWhoDidNotPullForLongFindsEverythingAndNothingStalled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := runs(t, memory.New())
		made := n.pulled()
		n.tells(alice, "tea", "one")
		rest(soon)
		for range 9 { // days
			n.stop()
			time.Sleep(24 * time.Hour)
			n = runs(t, n.store)
			rest(soon)
		}
		defer n.stop()
		n.tells(alice, "tea", "two")
		n.tells(bob, "den", "hi")
		rest(soon)
		lag, err := n.HookBehind(context.Background(), admin, made.ID, "", 200)
		if err != nil || lag.Stalled != 0 || lag.Entries != 3 || lag.Oldest < 9*24*time.Hour {
			t.Errorf("behind: %+v, %v", lag, err)
		}
		for _, is := range lag.Rooms {
			if is.Stalled || is.Tries != 0 || is.Error != "" {
				t.Errorf("in a room: %+v", is)
			}
		}
		batches := n.pulls(made, 0, 100)
		mustBe(t, "what there is", texts(batches), []string{"den 1-1/1: hi", "tea 1-2/2: one two"})
		for _, b := range batches {
			n.acks(made, b, ports.HookAnswer{})
		}
		rest(soon)
		mustBe(t, "where it waits then", len(n.behind(t)), 0)
	})
}
