package hooks_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/adapters/memory"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/hooks"
	"github.com/parley-chat/parley/ports"
)

// tests has a hook tested, which must be possible.
func (n *node) tests(by chat.Identity, id chat.HookID) ports.HookTest {
	n.t.Helper()
	test, err := n.TestHook(context.Background(), by, id)
	if err != nil {
		n.t.Fatalf("test a hook: %v", err)
	}
	return test
}

func TestATestTellsNothingAndNothingComesOfIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := runs(t, memory.New())
		defer n.stop()
		made := n.hooked(nil)
		n.tells(alice, "tea", "one")
		rest(soon)
		posted := n.courier.parcels()
		behind := func() string {
			t.Helper()
			lag, err := n.HookBehind(context.Background(), admin, made.ID, "", 10)
			if err != nil {
				t.Fatal(err)
			}
			return fmt.Sprintf("%+v", lag)
		}
		before, tries := behind(), fmt.Sprint(n.seen.tries)
		n.courier.answer(func(p ports.Parcel) (ports.HookReceipt, error) {
			time.Sleep(30 * time.Millisecond)
			send := ports.HookCommand{Change: ports.Send{Room: "tea", Body: "I act"}}
			return ports.HookReceipt{Status: 200, Piece: "fine", Answer: ports.HookAnswer{Do: []ports.HookCommand{send}}}, nil
		})
		mustBe(t, "what came of it", n.tests(admin, made.ID), ports.HookTest{Status: 200, Took: 30 * time.Millisecond, Body: "fine"})
		n.courier.answer(status(410))
		mustBe(t, "of one that is gone", n.tests(admin, made.ID), ports.HookTest{Status: 410, Error: "it answered 410"})
		n.courier.answer(status(302))
		mustBe(t, "of one that redirects", n.tests(admin, made.ID).Error, "it answered 302, and no redirect is followed")
		n.courier.answer(func(ports.Parcel) (ports.HookReceipt, error) {
			return ports.HookReceipt{}, chat.Errorf(chat.Unavailable, "the connection was refused")
		})
		mustBe(t, "of one that is away", n.tests(admin, made.ID), ports.HookTest{Error: "the connection was refused"})
		ids := map[string]bool{}
		for _, p := range n.courier.parcels() {
			if ids[p.ID] = true; string(p.Body) != "a test of "+string(made.ID) || p.URL != made.URL || !strings.HasPrefix(p.ID, string(made.ID)+".~test.") {
				t.Errorf("got %+v", p)
			}
			if fmt.Sprint(p.Secrets) != fmt.Sprint(posted[0].Secrets) {
				t.Error("it is signed in another way than what is told")
			}
		}
		mustBe(t, "ids", len(ids), 4)
		rest(time.Minute)
		h, err := n.Hook(context.Background(), admin, made.ID)
		if err != nil || h.Paused != "" {
			t.Errorf("got %+v, %v", h, err)
		}
		mustBe(t, "how far it is", behind(), before)
		mustBe(t, "tries", fmt.Sprint(n.seen.tries), tries)
		mustBe(t, "what is said", n.log("tea"), []string{"alice: one"})
		mustBe(t, "told as failing", n.seen.fails, []string(nil))
		if !n.seen.has("root tested  ok, 200") || !n.seen.has("root tested  gone, 410") || !n.seen.has("root tested  unreachable, 0") {
			t.Errorf("the records have %q", n.seen.acts)
		}
	})
}

func TestWhatCanBeTestedAndByWhom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := runs(t, memory.New())
		defer n.stop()
		n.tells(alice, "tea", "one")
		paused := true
		own := n.hooked(func(w *ports.HookWish) { w.Room = "tea" })
		if _, err := n.SetHook(context.Background(), alice, own.ID, ports.HookChange{Paused: &paused}); err != nil {
			t.Fatal(err)
		}
		n.courier.answer(func(ports.Parcel) (ports.HookReceipt, error) {
			return ports.HookReceipt{Status: 500, Piece: "from within: " + own.Secret + strings.Repeat("é", 600) + "\xff"}, nil
		})
		test := n.tests(alice, own.ID)
		mustBe(t, "to a moderator, of one that is paused", test, ports.HookTest{Status: 500, Error: "it answered 500"})
		body := n.tests(admin, own.ID).Body
		if len([]rune(body)) != ports.MaxTestChars || !strings.HasPrefix(body, "from within: whsec_…éé") {
			t.Errorf("an admin is shown %q", body)
		}
		_, err := n.TestHook(context.Background(), bob, own.ID)
		mustFail(t, "by somebody else", err, chat.NotFound)
		_, err = n.TestHook(context.Background(), admin, chat.NewHookID())
		mustFail(t, "one that is not there", err, chat.NotFound)
		pull := n.hooked(func(w *ports.HookWish) { w.Kind, w.URL = ports.HookPull, "" })
		_, err = n.TestHook(context.Background(), admin, pull.ID)
		mustFail(t, "one that pulls", err, chat.Conflict)
		n.stop()
		other, err := hooks.NewKeys(key(2))
		if err != nil {
			t.Fatal(err)
		}
		n = runs(t, n.store, func(c *hooks.Config) { c.Keys = other })
		defer n.stop()
		_, err = n.TestHook(context.Background(), admin, own.ID)
		mustFail(t, "one whose secrets cannot be read", err, chat.Conflict)
		mustBe(t, "parcels", len(n.courier.parcels()), 0)
	})
}

func TestTestsAreFew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := runs(t, memory.New())
		defer n.stop()
		made := n.hooked(nil)
		for range 5 {
			n.tests(admin, made.ID)
		}
		_, err := n.TestHook(context.Background(), admin, made.ID)
		if e := chat.AsError(err); e.Kind != chat.RateLimited || e.RetryAfter != 10*time.Second {
			t.Fatalf("got %+v", e)
		}
		n.tests(chat.Identity{User: "toor", Admin: true}, made.ID)
		time.Sleep(10 * time.Second)
		n.tests(admin, made.ID)
		_, err = n.TestHook(context.Background(), admin, made.ID)
		mustFail(t, "once more", err, chat.RateLimited)
		hold := make(chan struct{})
		n.courier.answer(func(ports.Parcel) (ports.HookReceipt, error) { <-hold; return ports.HookReceipt{Status: 200}, nil })
		ended := make(chan error, 16)
		for i := range 16 {
			go func() {
				_, err := n.TestHook(context.Background(), chat.Identity{User: chat.UserID(fmt.Sprint("root", i)), Admin: true}, made.ID)
				ended <- err
			}()
		}
		synctest.Wait()
		_, err = n.TestHook(context.Background(), chat.Identity{User: "late", Admin: true}, made.ID)
		mustFail(t, "the 17th at once", err, chat.RateLimited)
		close(hold)
		for range 16 {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	})
}

func TestATestEndsWhenTheServiceStops(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := runs(t, memory.New(), func(c *hooks.Config) { c.Courier = hangs{&courier{}} })
		made := n.hooked(nil)
		ended := make(chan error, 1)
		go func() {
			_, err := n.TestHook(context.Background(), admin, made.ID)
			ended <- err
		}()
		synctest.Wait()
		n.Drain()
		began := time.Now()
		mustFail(t, "a test", <-ended, chat.Unavailable)
		mustBe(t, "it took", time.Since(began), time.Duration(0))
		n.stop()
	})
}

// hangs never gets an answer.
type hangs struct{ *courier }

func (hangs) Deliver(ctx context.Context, _ ports.Parcel) (ports.HookReceipt, error) {
	<-ctx.Done()
	return ports.HookReceipt{}, chat.Errorf(chat.Unavailable, "%v", errors.New("the connection broke"))
}
