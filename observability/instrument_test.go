package observability_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/adapters/memory"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/observability"
	"github.com/parley-chat/parley/ports"
	"github.com/parley-chat/parley/ports/portstest"
)

// families returns the names of an observer's metrics with a prefix.
func families(t *testing.T, o *observability.Observer, prefix string) (names []string) {
	t.Helper()
	all, err := o.Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		if strings.HasPrefix(f.GetName(), prefix) {
			names = append(names, f.GetName())
		}
	}
	return names
}

func plain() *observability.Observer {
	return observability.NewObserver(slog.New(slog.DiscardHandler), observability.Build{})
}

// A timed store passes the store's suite.
type timedStore struct {
	ports.Log
	ports.LogIdentity
	ports.Directory
	ports.RoomLists
	ports.People
	ports.Slots
	ports.Revocations
	ports.Hooks
	ports.Checker
}

func TestAStoreThatIsTimedKeepsItsContract(t *testing.T) {
	t.Parallel()
	portstest.Store(t, func(t *testing.T) portstest.StoreUnderTest {
		o, s := plain(), memory.New()
		return timedStore{o.Log(s), s, o.Directory(s), s, s, s, s, s, s}
	})
}

// awayLog is a log that cannot be reached.
type awayLog struct{ ports.Log }

func (awayLog) Append(context.Context, []chat.Proposal) ([]ports.Outcome, error) {
	return nil, chat.Wrap(chat.Unavailable, errors.New("connection refused"), "append")
}

func (awayLog) Entry(context.Context, chat.RoomID, chat.Seq) (chat.Entry, error) {
	return chat.Entry{}, chat.Errorf(chat.NotFound, "there is none")
}

func TestCallsToTheStoreAreTimedAndItsOwnFailuresCounted(t *testing.T) {
	t.Parallel()
	o := plain()
	log := o.Log(awayLog{})
	if _, err := log.Append(t.Context(), nil); !errors.Is(err, chat.Unavailable) {
		t.Errorf("got %v", err)
	}
	if _, err := log.Entry(t.Context(), "tea", 1); !errors.Is(err, chat.NotFound) {
		t.Errorf("got %v", err)
	}
	got := scrape(t, o, "")
	for _, want := range []string{
		`parley_store_seconds_count{operation="append"} 1`,
		`parley_store_seconds_count{operation="entry"} 1`,
		`parley_store_seconds_count{operation="read"} 0`,
		`parley_store_errors_total{kind="unavailable",operation="append"} 1`,
	} {
		if !strings.Contains(got, want+"\n") {
			t.Errorf("metrics lack %q", want)
		}
	}
	if strings.Contains(got, "not_found") {
		t.Error("what is not there counts as a failure of the store")
	}
}

// noisyBus delivers one of each notice to its listener, and refuses signals.
type noisyBus struct{ ports.Bus }

func (noisyBus) Run(_ context.Context, l ports.Listener) error {
	l.Entries(make([]chat.Entry, 3))
	l.Head("tea", 7)
	l.Hear(ports.Signalled{})
	l.Hear(ports.NodePresence{})
	l.Hear(ports.Alive{})
	l.Deaf()
	return nil
}
func (noisyBus) Announce(context.Context, []chat.Entry) error { return nil }
func (noisyBus) Tell(context.Context, ports.Notice) error     { return errors.New("too loud") }

// heard is a listener that counts its calls.
type heard struct{ entries, heads, notices, deaf int }

func (h *heard) Entries(e []chat.Entry)     { h.entries += len(e) }
func (h *heard) Head(chat.RoomID, chat.Seq) { h.heads++ }
func (h *heard) Hear(ports.Notice)          { h.notices++ }
func (h *heard) Deaf()                      { h.deaf++ }

func TestNoticesAreCountedAndPassedOn(t *testing.T) {
	t.Parallel()
	o, to := plain(), &heard{}
	bus := o.Bus(noisyBus{})
	if err := bus.Run(t.Context(), to); err != nil || *to != (heard{3, 1, 3, 1}) {
		t.Errorf("got %v, heard %+v", err, *to)
	}
	if err := bus.Announce(t.Context(), make([]chat.Entry, 5)); err != nil {
		t.Error(err)
	}
	if err := bus.Tell(t.Context(), ports.Signalled{}); err == nil {
		t.Error("a signal that was refused is no error")
	}
	got := scrape(t, o, "")
	for _, want := range []string{
		`parley_bus_notices_total{direction="received",kind="entry"} 3`,
		`parley_bus_notices_total{direction="received",kind="head"} 1`,
		`parley_bus_notices_total{direction="received",kind="signal"} 1`,
		`parley_bus_notices_total{direction="received",kind="presence"} 1`,
		`parley_bus_notices_total{direction="received",kind="node"} 1`,
		`parley_bus_notices_total{direction="sent",kind="entry"} 5`,
		`parley_bus_notices_total{direction="sent",kind="signal"} 0`,
		`parley_bus_errors_total 1`,
		`parley_bus_deaf_total 1`,
	} {
		if !strings.Contains(got, want+"\n") {
			t.Errorf("metrics lack %q", want)
		}
	}
}

type somePool struct{}

func (somePool) Pool() ports.Pool {
	return ports.Pool{Idle: 1, Acquired: 2, Constructing: 3, Most: 8, Waits: 5, Waited: 1500 * time.Millisecond}
}

func TestAPoolIsToldAsItIs(t *testing.T) {
	t.Parallel()
	o := plain()
	o.Pool(somePool{})
	got := scrape(t, o, "")
	for _, want := range []string{
		`parley_store_pool_connections{state="idle"} 1`,
		`parley_store_pool_connections{state="acquired"} 2`,
		`parley_store_pool_connections{state="constructing"} 3`,
		`parley_store_pool_max_connections 8`,
		`parley_store_pool_waits_total 5`,
		`parley_store_pool_wait_seconds_total 1.5`,
	} {
		if !strings.Contains(got, want+"\n") {
			t.Errorf("metrics lack %q", want)
		}
	}
}
