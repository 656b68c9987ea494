package e2e_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/adapters/postgres/pgtest"
)

// signals are those of a room that a receiver was told, in their order, as type, user and value.
// Each parcel must be one that its receiver can trust.
func (r *receiver) signals(room string) (list []string) {
	r.t.Helper()
	ids := map[string]bool{}
	for _, p := range r.parcels() {
		if !p.batch.is("signals") {
			continue
		}
		hook := p.batch.str("hook")
		if ids[p.id] || !strings.HasPrefix(p.id, hook+".~signals.") || len(p.signed) != 1 || len(p.batch.list("signals")) == 0 || len(p.batch.list("entries")) != 0 {
			r.t.Errorf("got the parcel %s: %s", p.id, p.body)
		}
		ids[p.id] = true
		for _, s := range p.batch.list("signals") {
			f := frame(s.(map[string]any))
			if at, err := time.Parse(time.RFC3339, f.str("at")); err != nil || time.Since(at).Abs() > time.Minute {
				r.t.Errorf("it arose at %q", f.str("at"))
			}
			value := map[string]any{"typing": f["on"], "presence": f["online"], "read": f["seq"]}[f.kind()]
			if f.str("room") == room {
				list = append(list, fmt.Sprint(f.kind(), " ", f.str("user"), " ", value))
			}
		}
	}
	return list
}

func (r *receiver) isTold(room string, want ...string) {
	r.t.Helper()
	slices.Sort(want)
	eventually(r.t, fmt.Sprintf("the back end is told %q", want), func() error {
		got := r.signals(room)
		if slices.Sort(got); !slices.Equal(got, want) {
			return fmt.Errorf("got %q", got)
		}
		return nil
	})
}

// TestAHookIsToldWhoTypes has two users in a room, on one node and on two of one PostgreSQL: each
// signal is told once.
func TestAHookIsToldWhoTypes(t *testing.T) {
	t.Parallel()
	for _, nodes := range []int{1, 2} {
		t.Run(fmt.Sprintf("%d nodes", nodes), func(t *testing.T) {
			t.Parallel()
			issuer, url := newIssuer(t), pgtest.URL(t)
			settings := map[string]string{"PARLEY_HOOKS_KEY": strings.Repeat("ab", 32), "PARLEY_HOOKS_ALLOW": "127.0.0.0/8"}
			if nodes > 1 {
				settings["PARLEY_BUS_URL"] = url
			}
			one := startFor(t, issuer, url, settings)
			two := one
			if nodes > 1 {
				two = startFor(t, issuer, url, settings)
			}
			for _, s := range []*service{one, two} {
				eventually(t, "hooks may ask for signals", func() error {
					if features := s.connects(t, "somebody").welcome.list("features"); !slices.Contains(features, any("hook_signals")) {
						return fmt.Errorf("it has %v", features)
					}
					return nil
				})
			}
			signalSuite(t, one, two)
		})
	}
}

func signalSuite(t *testing.T, one, two *service) {
	admin := one.token(t, "root", claim{"scope", "chat:admin"})
	all, some, none := receives(t), receives(t), receives(t)
	path := hooked(t, one, admin, all, frame{"signals": true})
	hooked(t, one, admin, some, frame{"signals": true, "types": []string{"typing"}})
	hooked(t, one, admin, none, nil)
	alice := one.connects(t, "alice")
	alice.asks("join", "room", "tea")
	// The other node reads the hooks in a moment: until then it does not know of them.
	eventually(t, "the other node knows of the hooks", func() error {
		probe := two.connects(t, "probe")
		probe.asks("join", "room", "probe")
		probe.asks("typing", "room", "probe", "on", true)
		probe.asks("leave", "room", "probe")
		time.Sleep(100 * time.Millisecond)
		if len(some.signals("probe")) == 0 {
			return errNotYet
		}
		return nil
	})
	all.isTold("tea", "presence alice true")
	bob := two.connects(t, "bob")
	bob.asks("join", "room", "tea")
	all.isTold("tea", "presence alice true", "presence bob true")
	bob.asks("typing", "room", "tea", "on", true)
	alice.sees("typing")
	all.isTold("tea", "presence alice true", "presence bob true", "typing bob true")
	some.isTold("tea", "typing bob true")
	alice.asks("typing", "room", "tea", "on", true)
	// What ends before its parcel leaves is not told: so both are to have it first.
	all.isTold("tea", "presence alice true", "presence bob true", "typing bob true", "typing alice true")
	some.isTold("tea", "typing bob true", "typing alice true")
	alice.asks("typing", "room", "tea", "on", false)
	bob.asks("send", "room", "tea", "body", "hi")
	alice.asks("read", "room", "tea", "seq", 1)
	bob.asks("leave", "room", "tea")
	want := []string{
		"presence alice true", "presence bob true", "typing bob true", "typing alice true", "typing alice false", "typing bob false",
		"read alice 1", "presence bob false",
	}
	all.isTold("tea", want...)
	some.isTold("tea", "typing bob true", "typing alice true", "typing alice false", "typing bob false")
	none.sees("tea", "hi")

	one.gets(t, 200, admin, "PATCH", path, frame{"signals": false})
	two.gets(t, 200, admin, "GET", path, nil)
	alice.asks("typing", "room", "tea", "on", true)
	some.isTold("tea", "typing bob true", "typing alice true", "typing alice false", "typing bob false", "typing alice true")
	all.isTold("tea", want...)
	if got := none.signals("tea"); len(got) > 0 {
		t.Errorf("a hook that asks for none is told %q", got)
	}
	all.sees("tea", "hi")
}

// types has a hook ask for signals, and somebody type: its back end takes what it is posted then,
// whether it knows signals or not.
func (p *process) types(t *testing.T, admin, hook, token, room string) {
	t.Helper()
	p.gets(t, http.StatusOK, admin, "PATCH", "/v1/hooks/"+hook, frame{"signals": true, "types": []string{"message", "typing"}})
	who, err := p.dialed(t, "/ws", token)
	if err != nil {
		t.Fatal(err)
	}
	who.asks("join", "room", room)
	who.asks("typing", "room", room, "on", true)
	eventually(t, "the back end takes that somebody types", func() error {
		response, err := http.Get(p.admin + "/metrics")
		if err != nil {
			return err
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		if err != nil || !strings.Contains(string(text), "\nparley_hook_signals_total{fate=\"told\"} 1\n") {
			return errors.Join(errNotYet, err)
		}
		return nil
	})
	who.asks("leave", "room", room)
}
