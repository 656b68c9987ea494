package hooks_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/adapters/localbus"
	"github.com/parley-chat/parley/adapters/memory"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/hooks"
	"github.com/parley-chat/parley/ports"
)

func TestHooksThatAreNotMade(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := runs(t, memory.New())
		defer n.stop()
		many := make([]chat.RoomPattern, ports.MaxHookRooms+1)
		types := make([]string, ports.MaxHookTypes+1)
		for i := range many {
			many[i] = "*"
			types[i] = "x"
		}
		for what, change := range map[string]func(*ports.HookWish){
			"a bad URL":         func(w *ports.HookWish) { w.URL = "bad" },
			"no URL":            func(w *ports.HookWish) { w.URL = "" },
			"a URL to pull":     func(w *ports.HookWish) { w.Kind = ports.HookPull },
			"no rooms":          func(w *ports.HookWish) { w.Filter.Rooms = nil },
			"too many rooms":    func(w *ports.HookWish) { w.Filter.Rooms = many },
			"too many types":    func(w *ports.HookWish) { w.Filter.Types = types },
			"a bad type":        func(w *ports.HookWish) { w.Filter.Types = []string{"a\n"} },
			"too large batches": func(w *ports.HookWish) { w.Filter.Batch = 101 },
			"too long a wait":   func(w *ports.HookWish) { w.Filter.Wait = 5001 * time.Millisecond },
			"a bot that reads":  func(w *ports.HookWish) { w.Role = chat.Read },
		} {
			wish := ports.HookWish{Kind: ports.HookPush, URL: "https://example.org/", Filter: ports.HookFilter{Rooms: []chat.RoomPattern{"*"}}}
			change(&wish)
			_, err := n.NewHook(context.Background(), admin, wish)
			mustFail(t, what, err, chat.Invalid)
		}
		_, err := n.NewHook(context.Background(), admin, ports.HookWish{Room: "nowhere", Kind: ports.HookPull})
		mustFail(t, "of a room that is not there", err, chat.NotFound)
	})
	synctest.Test(t, func(t *testing.T) {
		n := runs(t, memory.New(), func(c *hooks.Config) { c.Keys = nil })
		defer n.stop()
		_, err := n.NewHook(context.Background(), admin, ports.HookWish{Kind: ports.HookPull, Filter: ports.HookFilter{Rooms: []chat.RoomPattern{"*"}}})
		mustFail(t, "without a key", err, chat.Conflict)
	})
}

// raw is a secret as parcels are signed with it.
func raw(t *testing.T, shown string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(shown, "whsec_"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestARotatedSecretSignsBesideTheOneBefore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := runs(t, memory.New())
		defer n.stop()
		made := n.hooked(nil)
		signs := func(what string, want ...string) {
			t.Helper()
			n.tells(alice, "tea", "x")
			synctest.Wait()
			parcels := n.courier.parcels()
			if len(parcels) != 1 || len(parcels[0].Secrets) != len(want) {
				t.Fatalf("%s: got %+v", what, parcels)
			}
			for i, secret := range want {
				if !bytes.Equal(parcels[0].Secrets[i], raw(t, secret)) {
					t.Errorf("%s: secret %d is another one", what, i)
				}
			}
		}
		signs("at first", made.Secret)
		second, err := n.SetHook(context.Background(), admin, made.ID, ports.HookChange{Rotate: true})
		if err != nil || second.Secret == made.Secret || second.Hook.Secrets != nil {
			t.Fatalf("got %+v, %v", second, err)
		}
		rest(soon)
		signs("both", second.Secret, made.Secret)
		third, err := n.SetHook(context.Background(), admin, made.ID, ports.HookChange{Rotate: true})
		if err != nil {
			t.Fatal(err)
		}
		rest(soon)
		signs("all three", third.Secret, second.Secret, made.Secret)
		n.stop()
		time.Sleep(24 * time.Hour)
		n = runs(t, n.store)
		defer n.stop()
		rest(soon)
		signs("a day later", third.Secret)
		if h, err := n.Hook(context.Background(), admin, made.ID); err != nil || h.Secrets != nil {
			t.Errorf("what is shown has the secrets: %+v, %v", h, err)
		}
	})
}

func TestSecretsAreKeptUnderTheKey(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		keyed := func(list ...[]byte) func(*hooks.Config) {
			keys, err := hooks.NewKeys(list...)
			if err != nil {
				t.Fatal(err)
			}
			return func(c *hooks.Config) { c.Keys = keys }
		}
		n := runs(t, store)
		made := n.hooked(nil)
		n.stop()
		kept, err := store.AllHooks(context.Background())
		if err != nil || len(kept) != 1 || bytes.Contains(kept[0].Secrets, raw(t, made.Secret)) {
			t.Fatalf("got %+v, %v", kept, err)
		}
		n = runs(t, store, keyed(key(2)))
		rest(soon)
		n.tells(alice, "tea", "one")
		rest(time.Minute)
		mustBe(t, "under another key", n.courier.bodies(), []string(nil))
		if h, err := n.Hook(context.Background(), admin, made.ID); err != nil || !strings.Contains(h.Error, "PARLEY_HOOKS_KEY") || h.Paused != "" {
			t.Errorf("it is shown as %+v, %v", h, err)
		}
		mustBe(t, "it is among those that rest", strings.Contains(n.runner.Inspect().Consumers[0].Resting, "cannot be read"), true)
		mustBe(t, "which is told", len(n.seen.wrong) > 0 && strings.Contains(n.seen.wrong[0], "PARLEY_HOOKS_KEY"), true)
		n.stop()
		n = runs(t, store, keyed(key(2), key(1)))
		rest(5 * time.Minute)
		parcels := n.courier.parcels()
		if len(parcels) != 1 || !bytes.Equal(parcels[0].Secrets[0], raw(t, made.Secret)) {
			t.Errorf("with both keys: %+v", parcels)
		}
		n.stop()
		n = runs(t, store, keyed(key(3)))
		rest(soon)
		n.tells(alice, "tea", "two")
		rest(soon)
		mustBe(t, "under a third key", n.courier.bodies(), []string(nil))
		again, err := n.SetHook(context.Background(), admin, made.ID, ports.HookChange{Rotate: true})
		if err != nil || again.Error != "" {
			t.Fatalf("rotated: %+v, %v", again, err)
		}
		rest(soon)
		parcels = n.courier.parcels()
		if len(parcels) != 1 || !bytes.Equal(parcels[0].Secrets[0], raw(t, again.Secret)) {
			t.Errorf("with another secret: %+v", parcels)
		}
		n.stop()
	})
	for _, bad := range [][][]byte{nil, {key(1)[:31]}, {append(key(1), 0)}, {key(1), nil}} {
		if _, err := hooks.NewKeys(bad...); err == nil {
			t.Errorf("keys of %d were taken", len(bad))
		}
	}
}

func TestChangesAndRemovalCountAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := runs(t, memory.New())
		defer n.stop()
		ctx := context.Background()
		made := n.hooked(nil)
		set := func(change ports.HookChange) {
			t.Helper()
			if _, err := n.SetHook(ctx, admin, made.ID, change); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		set(ports.HookChange{Paused: new(true)})
		n.tells(alice, "tea", "one")
		rest(10 * time.Minute)
		mustBe(t, "while it is paused", n.courier.bodies(), []string(nil))
		set(ports.HookChange{URL: new("https://example.org/other"), Types: &[]string{"message"}, Batch: new(2), Paused: new(false)})
		rest(soon)
		parcels := n.courier.parcels()
		if len(parcels) != 1 || parcels[0].URL != "https://example.org/other" || string(parcels[0].Body) != "tea 1-1/1: one" {
			t.Errorf("got %+v", parcels)
		}
		_, err := n.SetHook(ctx, admin, made.ID, ports.HookChange{URL: new("bad")})
		mustFail(t, "a bad URL", err, chat.Invalid)
		_, err = n.SetHook(ctx, alice, made.ID, ports.HookChange{})
		mustFail(t, "by another", err, chat.NotFound)
		mustFail(t, "removed by another", n.DropHook(ctx, alice, made.ID), chat.NotFound)
		if err := n.DropHook(ctx, admin, made.ID); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		n.tells(alice, "tea", "two")
		rest(10 * time.Minute)
		mustBe(t, "after it was removed", n.courier.bodies(), []string(nil))
		mustFail(t, "removed again", n.DropHook(ctx, admin, made.ID), chat.NotFound)
		cursors, err := n.store.Load(ctx, []chat.RoomID{"tea"})
		if err != nil || len(cursors) != 0 {
			t.Errorf("of one that was removed there are cursors: %+v, %v", cursors, err)
		}
		mustBe(t, "faults", n.seen.wrong, []string(nil))
	})
}

func TestWhatIsChangedOnOneNodeCountsOnAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, bus := memory.New(), localbus.New()
		one := runs(t, store, func(c *hooks.Config) { c.Bus = bus })
		defer one.stop()
		other := bus.Node()
		two := runs(t, store, func(c *hooks.Config) { c.Bus = other })
		defer two.stop()
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error)
		go func() { done <- other.Run(ctx, hears{nil, two.Service}) }()
		defer func() { cancel(); <-done }()
		rest(soon)
		one.courier.answer(status(410))
		two.courier.answer(status(410))
		made := one.hooked(nil)
		for _, room := range []chat.RoomID{"a", "b", "c", "d", "e", "f", "g", "h"} { // some are of shares of the other node
			one.tells(alice, room, "hi")
		}
		rest(2 * soon)
		tried := len(one.courier.bodies()) + len(two.courier.bodies())
		if h, err := two.Hook(ctx, admin, made.ID); err != nil || h.Paused == "" || tried == 0 {
			t.Errorf("got %+v, %v, after %d tries", h, err, tried)
		}
		rest(10 * time.Minute)
		mustBe(t, "tries of a hook that is paused", len(one.courier.bodies())+len(two.courier.bodies()), 0)
		one.courier.answer(nil)
		two.courier.answer(nil)
		if _, err := one.SetHook(ctx, admin, made.ID, ports.HookChange{Paused: new(false)}); err != nil {
			t.Fatal(err)
		}
		rest(2 * soon)
		mustBe(t, "rooms that are told", len(one.courier.bodies())+len(two.courier.bodies()), 8)
	})
}

// hears gives a service what other nodes tell.
type hears struct {
	ports.Listener
	hooks *hooks.Service
}

func (h hears) Hear(notice ports.Notice) { h.hooks.Hear(notice) }
func (hears) Deaf()                      {}
