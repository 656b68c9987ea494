package hooks_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/adapters/memory"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/hooks"
	"github.com/parley-chat/parley/ports"
)

// signedBy holds that a parcel is signed with the private keys of public ones, in that order.
func signedBy(t *testing.T, what string, p ports.Parcel, shown []string) {
	t.Helper()
	if len(p.Keys) != len(shown) || len(p.Secrets) == 0 {
		t.Fatalf("%s: it is signed with %d keys and %d secrets, and %q are shown", what, len(p.Keys), len(p.Secrets), shown)
	}
	for i, text := range shown {
		public, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(text, "whpk_"))
		if err != nil || len(public) != ed25519.PublicKeySize || !ed25519.Verify(public, p.Body, ed25519.Sign(p.Keys[i], p.Body)) {
			t.Errorf("%s: key %d does not belong to %s", what, i, text)
		}
	}
}

func TestAHookHasAKeyPair(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, seen := memory.New(), &observer{}
		n := runs(t, store, func(c *hooks.Config) { c.Observer = seen })
		defer func() { n.stop() }()
		ctx := context.Background()
		made := n.hooked(func(w *ports.HookWish) { w.Pair = true })
		if len(made.PublicKeys) != 1 || made.Keys != nil {
			t.Fatalf("made: %+v", made)
		}
		told := func(what string, keys int) {
			t.Helper()
			n.tells(alice, "tea", "x")
			rest(soon)
			parcels := n.courier.parcels()
			h, err := n.Hook(ctx, bySomeAdmin, made.ID)
			if err != nil || len(parcels) != 1 || len(h.PublicKeys) != keys || h.Keys != nil || h.Secrets != nil {
				t.Fatalf("%s: got %d parcels and %+v, %v", what, len(parcels), h, err)
			}
			signedBy(t, what, parcels[0], h.PublicKeys)
		}
		set := func(change ports.HookChange) ports.HookMade {
			t.Helper()
			h, err := n.SetHook(ctx, admin, made.ID, change)
			if err != nil {
				t.Fatal(err)
			}
			rest(soon)
			return h
		}
		told("at first", 1)
		rotated := set(ports.HookChange{Rotate: true})
		if len(rotated.PublicKeys) != 2 || rotated.PublicKeys[1] != made.PublicKeys[0] || rotated.Secret == "" {
			t.Errorf("rotated: %+v", rotated)
		}
		told("rotated", 2)
		n.tests(admin, made.ID)
		signedBy(t, "a test", n.courier.parcels()[0], rotated.PublicKeys)
		n.stop() // a node does something all day long
		time.Sleep(24 * time.Hour)
		n = runs(t, store, func(c *hooks.Config) { c.Observer = seen })
		told("a day later", 1)
		set(ports.HookChange{Pair: new(true)})
		told("asked for what it has", 1)
		set(ports.HookChange{Pair: new(false)})
		told("given up", 0)
		again := set(ports.HookChange{Pair: new(true)})
		told("once more", 1)
		if again.PublicKeys[0] == rotated.PublicKeys[0] || again.Secret != "" {
			t.Errorf("it is the one before: %+v", again)
		}
		for _, act := range []string{"paired", "unpaired", "rotated"} {
			if !seen.has("root " + act + "  ") {
				t.Errorf("that it was %s is not told: %q", act, seen.acts)
			}
		}
	})
}

var bySomeAdmin = chat.Identity{User: "toor", Admin: true}

func TestKeyPairsThatAreNotMade(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := runs(t, memory.New(), func(c *hooks.Config) {
			c.Has = func(feature string) bool { return feature != ports.FeatureHookKeys }
		})
		defer n.stop()
		ctx := context.Background()
		wish := ports.HookWish{Kind: ports.HookPush, URL: "https://example.org/", Filter: ports.HookFilter{Rooms: []chat.RoomPattern{"*"}}, Pair: true}
		_, err := n.NewHook(ctx, admin, wish)
		mustFail(t, "where not all nodes can sign so", err, chat.Conflict)
		made := n.hooked(nil)
		_, err = n.SetHook(ctx, admin, made.ID, ports.HookChange{Pair: new(true)})
		mustFail(t, "later", err, chat.Conflict)
		if _, err := n.SetHook(ctx, admin, made.ID, ports.HookChange{Pair: new(false)}); err != nil {
			t.Errorf("to give up what it has not: %v", err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		n := runs(t, memory.New())
		defer n.stop()
		pull := ports.HookWish{Kind: ports.HookPull, Filter: ports.HookFilter{Rooms: []chat.RoomPattern{"*"}}, Pair: true}
		_, err := n.NewHook(context.Background(), admin, pull)
		mustFail(t, "for one that pulls", err, chat.Invalid)
	})
}

// TestAPrivateKeyIsKeptUnderTheKey also has another's put in its place: neither its hook's secrets
// nor another hook's keys can be read as its keys.
func TestAPrivateKeyIsKeptUnderTheKey(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := runs(t, memory.New())
		defer n.stop()
		ctx := context.Background()
		made := n.hooked(func(w *ports.HookWish) { w.Pair = true })
		other := n.hooked(func(w *ports.HookWish) { w.Pair = true })
		n.tells(alice, "tea", "x")
		rest(soon)
		seed := n.courier.parcels()[0].Keys[0].Seed()
		kept, err := n.store.AllHooks(ctx)
		if err != nil || kept[0].ID != made.ID || len(kept[0].Keys) == 0 || bytes.Contains(kept[0].Keys, seed) || bytes.Contains(kept[1].Keys, seed) {
			t.Fatalf("got %+v, %v", kept, err)
		}
		for what, keys := range map[string][]byte{"its secrets": kept[0].Secrets, "another's": kept[1].Keys, "rubbish": {1}} {
			h, err := n.store.AllHooks(ctx)
			if err != nil {
				t.Fatal(err)
			}
			h[0].Keys = keys
			if _, err := n.store.ChangeHook(ctx, h[0]); err != nil {
				t.Fatal(err)
			}
			rest(soon)
			n.tells(alice, "tea", "x")
			rest(soon)
			for _, p := range n.courier.parcels() {
				if strings.HasPrefix(p.ID, string(made.ID)) {
					t.Errorf("with %s it is told", what)
				}
			}
			if shown, err := n.Hook(ctx, admin, made.ID); err != nil || shown.Error == "" || shown.PublicKeys != nil {
				t.Errorf("with %s it is shown as %+v, %v", what, shown, err)
			}
		}
		again, err := n.SetHook(ctx, admin, made.ID, ports.HookChange{Rotate: true})
		if err != nil || again.Error != "" || len(again.PublicKeys) != 1 || again.PublicKeys[0] == other.PublicKeys[0] {
			t.Errorf("rotated: %+v, %v", again, err)
		}
	})
}
