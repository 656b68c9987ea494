package hooks_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/adapters/memory"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/hooks"
	"github.com/parley-chat/parley/ports"
)

func TestAHookGetsWhatWasThereAndWhatComes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := runs(t, memory.New())
		defer n.stop()
		n.tells(alice, "tea", "one")
		made := n.hooked(nil)
		mustBe(t, "what was there", n.courier.bodies(), []string{"tea 1-1/1: one"})
		n.tells(alice, "tea", "two")
		n.tells(bob, "den", "hi")
		synctest.Wait()
		parcels := n.courier.parcels()
		if len(parcels) != 2 {
			t.Fatalf("%d parcels", len(parcels))
		}
		for _, p := range parcels {
			if p.URL != made.URL || len(p.Secrets) != 1 || len(p.Secrets[0]) != 24 {
				t.Errorf("got %+v", p)
			}
			if room := strings.Fields(string(p.Body))[0]; !strings.HasPrefix(p.ID, string(made.ID)+"."+room+".") {
				t.Errorf("%s is called %s", p.Body, p.ID)
			}
		}
		if !strings.HasPrefix(made.Secret, "whsec_") || made.Hook.Secrets != nil {
			t.Errorf("made: %+v", made)
		}
		mustBe(t, "tries", n.seen.tries, map[ports.HookResult]int{ports.HookOK: 3})
		mustBe(t, "faults", n.seen.wrong, []string(nil))
	})
}

func TestAHookThatBeginsNowGetsNothingOlder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := runs(t, memory.New())
		defer n.stop()
		n.tells(alice, "tea", "old")
		rest(time.Minute)
		n.hooked(func(w *ports.HookWish) { w.Now = true })
		n.tells(alice, "tea", "new")
		synctest.Wait()
		mustBe(t, "parcels", n.courier.bodies(), []string{"tea 2-2/2: new"})
	})
}

func TestWhatAHookDoesNotWantOnlyMovesItsCursor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := runs(t, memory.New())
		defer n.stop()
		n.hooked(func(w *ports.HookWish) {
			w.Filter.Rooms, w.Filter.Types = []chat.RoomPattern{"support-*", "tea"}, []string{"deleted"}
		})
		seq := n.tells(alice, "support-1", "one")
		n.tells(alice, "tea-room", "no")
		n.does(alice, ports.Delete{Room: "support-1", Seq: seq})
		rest(soon)
		mustBe(t, "parcels", n.courier.bodies(), []string{"support-1 2-2/2: -1"})
		n.hooked(func(w *ports.HookWish) { w.Filter.Types = []string{"x.nothing"} })
		n.tells(alice, "tea", "x")
		rest(10 * time.Minute)
		mustBe(t, "of nothing", n.courier.bodies(), []string(nil))
	})
}

func TestALaterTryIsTheSameParcel(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := runs(t, memory.New())
		defer n.stop()
		n.hooked(nil)
		n.courier.answer(status(500))
		seq := n.tells(alice, "tea", "one")
		synctest.Wait()
		n.tells(alice, "tea", "two")
		rest(10 * time.Minute)
		parcels := n.courier.parcels()
		if len(parcels) < 3 {
			t.Fatalf("%d tries in ten minutes", len(parcels))
		}
		for _, p := range parcels {
			if string(p.Body) != "tea 1-1/1: one" || p.ID != parcels[0].ID {
				t.Errorf("got %s %s", p.ID, p.Body)
			}
		}
		n.does(alice, ports.Delete{Room: "tea", Seq: seq})
		n.courier.answer(nil)
		rest(2 * time.Hour)
		after := n.courier.parcels()
		if len(after) != 2 || string(after[0].Body) != "tea 1-1/1: " || after[0].ID == parcels[0].ID {
			t.Fatalf("after the deletion: %+v", after)
		}
		mustBe(t, "what failed was told once, and that it is over", len(n.seen.fails) >= 1 && n.seen.fails[0] == "it answered 500", true)
	})
}

func TestWhatAnEndpointSaysOfTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := runs(t, memory.New())
		defer n.stop()
		n.hooked(nil)
		n.courier.answer(func(ports.Parcel) (ports.HookReceipt, error) {
			return ports.HookReceipt{Status: 429, RetryAfter: 10 * time.Minute}, nil
		})
		n.tells(alice, "tea", "one")
		rest(10*time.Minute - time.Second)
		mustBe(t, "before it is time", len(n.courier.bodies()), 1)
		rest(5 * time.Second)
		mustBe(t, "then", len(n.courier.bodies()), 1)
	})
}

func TestAnEndpointMayTakeAPart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := runs(t, memory.New())
		defer n.stop()
		for _, body := range []string{"one", "two", "three"} {
			n.tells(alice, "tea", body)
		}
		n.courier.answer(func(p ports.Parcel) (ports.HookReceipt, error) {
			ack := chat.Seq(1)
			if !strings.HasPrefix(string(p.Body), "tea 1-") {
				ack = 99
			}
			return ports.HookReceipt{Status: 200, Answer: ports.HookAnswer{Ack: &ack}}, nil
		})
		n.hooked(nil)
		mustBe(t, "parcels", n.courier.bodies(), []string{"tea 1-3/3: one two three", "tea 2-3/3: two three"})
		none := chat.Seq(0)
		n.courier.answer(func(ports.Parcel) (ports.HookReceipt, error) {
			return ports.HookReceipt{Status: 200, Answer: ports.HookAnswer{Ack: &none}}, nil
		})
		n.tells(alice, "tea", "four")
		rest(time.Second)
		if lag := n.behind(t); len(lag) != 1 || lag[0].Error != "the answer says that nothing was taken" || lag[0].Tries != 1 {
			t.Errorf("who takes nothing: %+v", lag)
		}
	})
}

// behind returns where the only hook waits.
func (n *node) behind(t *testing.T) []ports.HookRoomLag {
	t.Helper()
	all, err := n.ListHooks(context.Background(), admin, "")
	if err != nil || len(all) != 1 {
		t.Fatalf("%d hooks, %v", len(all), err)
	}
	lag, err := n.HookBehind(context.Background(), admin, all[0].ID, "", 200)
	if err != nil {
		t.Fatal(err)
	}
	return lag.Rooms
}

func TestAnEndpointThatIsGonePausesItsHook(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := runs(t, memory.New())
		defer n.stop()
		made := n.hooked(nil)
		n.courier.answer(status(410))
		n.tells(alice, "tea", "one")
		rest(soon)
		h, err := n.Hook(context.Background(), admin, made.ID)
		if err != nil || h.Paused != "it answered 410" || !n.seen.has(" paused  it answered 410") {
			t.Errorf("got %+v, %v; %q", h, err, n.seen.acts)
		}
		mustBe(t, "told to be tried again", len(n.seen.fails), 0)
		n.tells(alice, "tea", "two")
		rest(10 * time.Minute)
		mustBe(t, "parcels", n.courier.bodies(), []string{"tea 1-1/1: one"})
		n.courier.answer(nil)
		if _, err := n.SetHook(context.Background(), admin, made.ID, ports.HookChange{Paused: new(bool)}); err != nil {
			t.Fatal(err)
		}
		rest(soon)
		mustBe(t, "after it was resumed", n.courier.bodies(), []string{"tea 1-1/1: one", "tea 2-2/2: two"})
	})
}

func TestAModeratorsHookEndsWithTheirRole(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := runs(t, memory.New())
		defer n.stop()
		ctx := context.Background()
		if _, err := n.says.Create(ctx, alice, chat.Room{ID: "tea", Public: true}); err != nil {
			t.Fatal(err)
		}
		_, err := n.NewHook(ctx, bob, ports.HookWish{Room: "tea", Kind: ports.HookPush, URL: "https://example.org/"})
		mustFail(t, "by one who does not moderate", err, chat.Forbidden)
		_, err = n.NewHook(ctx, bob, ports.HookWish{Kind: ports.HookPush, URL: "https://example.org/", Filter: ports.HookFilter{Rooms: []chat.RoomPattern{"*"}}})
		mustFail(t, "for all rooms", err, chat.Forbidden)
		_, err = n.NewHook(ctx, alice, ports.HookWish{Room: "tea", Kind: ports.HookPush, URL: "https://example.org/", Bot: chat.Author{ID: "bob"}})
		mustFail(t, "with another's name", err, chat.Invalid)
		made := n.hooked(func(w *ports.HookWish) { w.Room = "tea" })
		n.tells(bob, "tea", "one")
		n.tells(bob, "elsewhere", "no")
		synctest.Wait()
		mustBe(t, "parcels", n.courier.bodies(), []string{"tea 1-1/1: one"})
		_, err = n.Hook(ctx, bob, made.ID)
		mustFail(t, "bob looks at it", err, chat.NotFound)
		if list, err := n.ListHooks(ctx, alice, "tea"); err != nil || len(list) != 1 {
			t.Errorf("alice sees %d, %v", len(list), err)
		}
		for user, role := range map[chat.UserID]chat.Role{"carol": chat.Moderate} {
			if _, err := n.says.SetMember(ctx, alice, "tea", user, role); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := n.says.SetMember(ctx, chat.Identity{User: "carol"}, "tea", "alice", chat.Write); err != nil {
			t.Fatal(err)
		}
		rest(soon)
		n.courier.bodies()
		n.tells(bob, "tea", "two")
		rest(soon)
		mustBe(t, "after she ceased to moderate", n.courier.bodies(), []string(nil))
		h, err := n.Hook(ctx, admin, made.ID)
		if err != nil || h.Paused != "alice, who made it, does not moderate tea any more" {
			t.Errorf("got %q, %v", h.Paused, err)
		}
	})
}

func TestAnAnswerActsOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := runs(t, memory.New())
		defer n.stop()
		made := n.hooked(func(w *ports.HookWish) { w.Bot = chat.Author{Name: "Echo"} })
		fails := 2
		n.courier.answer(func(p ports.Parcel) (ports.HookReceipt, error) {
			do := []ports.HookCommand{
				{Change: ports.Send{Room: "tea", Body: "echo"}},
				{Err: chat.Errorf(chat.Invalid, "what?")},
				{Change: ports.Edit{Room: "tea", Seq: 99, Body: "no such"}},
				{Change: ports.React{Room: "tea", Seq: 1, Emoji: "👍"}},
			}
			if fails--; fails >= 0 { // it acts, and then it is as if the node died: the same parcel comes again
				ack := chat.Seq(0)
				return ports.HookReceipt{Status: 200, Answer: ports.HookAnswer{Do: do, Ack: &ack}}, nil
			}
			return ports.HookReceipt{Status: 200, Answer: ports.HookAnswer{Do: do}}, nil
		})
		n.tells(alice, "tea", "one")
		rest(10 * time.Minute)
		bot := "~hook." + string(made.ID)
		mustBe(t, "log", n.log("tea"), []string{"alice: one", bot + ": echo", bot + " 👍 1"})
		mustBe(t, "parcels: its own words do not come back", len(n.courier.bodies()), 3)
		var kinds []chat.Kind
		for _, err := range n.seen.acted[:4] {
			kinds = append(kinds, "")
			if err != nil {
				kinds[len(kinds)-1] = chat.AsError(err).Kind
			}
		}
		mustBe(t, "commands", kinds, []chat.Kind{"", chat.Invalid, chat.NotFound, ""})
	})
}

// away is a writer that cannot reach the log for a while.
type away struct {
	ports.Writer
	left int
}

func (a *away) Write(ctx context.Context, by chat.Identity, change ports.Change, done func(ports.Receipt, error)) {
	if a.left--; a.left >= 0 {
		done(ports.Receipt{}, chat.Wrap(chat.Unavailable, errors.New("away"), "append"))
		return
	}
	a.Writer.Write(ctx, by, change, done)
}

func TestWhatABotCannotDoNowIsDoneLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := runs(t, memory.New(), func(c *hooks.Config) { c.Writer = &away{Writer: c.Writer, left: 1} })
		defer n.stop()
		n.hooked(nil)
		n.courier.answer(func(ports.Parcel) (ports.HookReceipt, error) {
			do := []ports.HookCommand{{Change: ports.Send{Room: "tea", Body: "yes"}}, {Change: ports.Send{Room: "tea", Body: "no"}}}
			return ports.HookReceipt{Status: 200, Answer: ports.HookAnswer{Do: do}}, nil
		})
		n.tells(alice, "tea", "one")
		rest(time.Minute)
		mustBe(t, "parcels", n.courier.bodies(), []string{"tea 1-1/1: one", "tea 1-1/1: one"})
		mustBe(t, "entries", len(n.log("tea")), 3)
	})
}

func TestSetsAreWantedByWhatTheySet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := runs(t, memory.New())
		defer n.stop()
		n.hooked(func(w *ports.HookWish) { w.Filter.Types = []string{"x.vote"} })
		n.tells(alice, "tea", "one")
		for _, of := range []chat.SetType{"x.vote", "x.other"} {
			outcomes, err := n.store.Append(context.Background(), []chat.Proposal{{
				Room: "tea", Author: alice.Author(), By: chat.Rights{Admin: true}, Key: chat.NewKey(), Fact: chat.Set{Type: of, Data: []byte(`1`)},
			}})
			if err != nil || outcomes[0].Err != nil {
				t.Fatal(err, outcomes)
			}
		}
		rest(soon)
		mustBe(t, "parcels", n.courier.bodies(), []string{"tea 2-3/3: ?"})
	})
}

func TestARoomThatWaitsIsTriedWhenItsHookIsChangedResumedOrTriedNow(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for what, act := range map[string]func(n *node, id chat.HookID) error{
		"another URL": func(n *node, id chat.HookID) error {
			_, err := n.SetHook(ctx, admin, id, ports.HookChange{URL: new("https://example.org/other")})
			return err
		},
		"resumed": func(n *node, id chat.HookID) error {
			if _, err := n.SetHook(ctx, admin, id, ports.HookChange{Paused: new(true)}); err != nil {
				return err
			}
			mustFail(n.t, "try now what is paused", n.RetryHook(ctx, admin, id, ""), chat.Conflict)
			rest(time.Minute)
			_, err := n.SetHook(ctx, admin, id, ports.HookChange{Paused: new(false)})
			return err
		},
		"all tried now": func(n *node, id chat.HookID) error { return n.RetryHook(ctx, admin, id, "") },
		"one tried now": func(n *node, id chat.HookID) error {
			mustFail(n.t, "by another", n.RetryHook(ctx, alice, id, ""), chat.NotFound)
			mustFail(n.t, "elsewhere", n.RetryHook(ctx, admin, id, "elsewhere"), chat.Invalid)
			return n.RetryHook(ctx, admin, id, "tea")
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				n := runs(t, memory.New())
				defer n.stop()
				made := n.hooked(func(w *ports.HookWish) { w.Filter.Rooms = []chat.RoomPattern{"tea", "den"} })
				n.courier.answer(status(500))
				n.tells(alice, "tea", "one")
				n.tells(alice, "den", "one")
				rest(2 * time.Hour)
				n.courier.answer(nil)
				n.courier.bodies()
				if err := act(n, made.ID); err != nil {
					t.Fatal(err)
				}
				rest(2 * soon)
				mustBe(t, "parcels that came, one of each room", len(n.courier.bodies()), 2)
				if lag := n.behind(t); len(lag) > 0 {
					t.Errorf("it waits: %+v", lag)
				}
			})
		})
	}
}
