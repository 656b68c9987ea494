package consuming_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/parley-chat/parley/adapters/memory"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/consuming"
	"github.com/parley-chat/parley/ports"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// place is a store with the nodes that run consumers on it.
type place struct {
	*testing.T
	*memory.Store
}

func newPlace(t *testing.T) place {
	t.Helper()
	return place{t, memory.New()}
}

// makes makes rooms.
func (p place) makes(rooms ...chat.RoomID) {
	p.Helper()
	for _, id := range rooms {
		if _, err := p.Create(p.Context(), chat.Room{ID: id, Public: true}, ""); err != nil {
			p.Fatal(err)
		}
	}
}

// says appends messages to a room, and tells of them who is to hear.
func (p place) says(room chat.RoomID, bodies ...string) []chat.Entry {
	p.Helper()
	var entries []chat.Entry
	for _, body := range bodies {
		outcomes, err := p.Append(p.Context(), []chat.Proposal{{
			Room: room, Author: chat.Author{ID: "alice"}, By: chat.Rights{Admin: true}, Key: chat.NewKey(), Fact: chat.Message{Body: body},
		}})
		if err != nil || outcomes[0].Status != ports.Appended {
			p.Fatalf("append: %+v, %v", outcomes, err)
		}
		entries = append(entries, outcomes[0].Entry)
	}
	return entries
}

// cursor returns where a consumer is in a room.
func (p place) cursor(room chat.RoomID, consumer string) ports.Cursor {
	p.Helper()
	all, err := p.Load(context.WithoutCancel(p.Context()), []chat.RoomID{room})
	if err != nil {
		p.Fatal(err)
	}
	for _, c := range all {
		if c.Consumer == consumer {
			return c
		}
	}
	return ports.Cursor{}
}

// pends reports whether a room is pending.
func (p place) pends(room chat.RoomID) bool {
	p.Helper()
	rooms, err := p.Pending(p.Context(), []ports.SharePlace{{Share: ports.ShareOf(room)}}, 1000)
	if err != nil {
		p.Fatal(err)
	}
	return slices.ContainsFunc(rooms, func(is ports.PendingRoom) bool { return is.Room == room })
}

// node is a runner that runs.
type node struct {
	*consuming.Runner
	stop func() // and wait until it has stopped
	seen *observer
}

// runs starts a runner. change may set what it works with.
func (p place) runs(name string, change func(*consuming.Config), consumers ...consuming.Consumer) node {
	p.Helper()
	n := node{seen: &observer{T: p.T}}
	cfg := consuming.Config{Log: p, Cursors: p, Consumers: p, Retries: p, Leases: p, Observer: n.seen, Node: ports.NodeID(name)}
	if change != nil {
		change(&cfg)
	}
	n.Runner = consuming.New(cfg)
	if err := n.Set(consumers); err != nil {
		p.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := n.Run(ctx); err != nil {
			p.Error(err)
		}
	}()
	n.stop = sync.OnceFunc(func() { cancel(); <-done })
	return n
}

// observer notes what it is told.
type observer struct {
	ports.Unobserved
	*testing.T
	mu     sync.Mutex
	faults []string
	over   int
	lags   []ports.ConsumerLag
}

func (o *observer) Fault(_ context.Context, while string, err error) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.faults = append(o.faults, fmt.Sprint(while, ": ", err))
	return ""
}

func (o *observer) TookOver(shares int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.over += shares
}

func (o *observer) Lagging(all []ports.ConsumerLag) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lags = slices.Clone(all)
}

func (o *observer) mustBeWell() {
	o.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.faults) > 0 {
		o.Errorf("faults: %q", o.faults)
	}
}

var errAway = errors.New("away")

// audit is a consumer that notes what it takes.
type audit struct {
	name   string
	from   consuming.From
	limits consuming.Limits
	wants  func(chat.RoomID) bool
	filter func(*chat.Entry) bool
	take   func(ctx context.Context, b consuming.Batch) error // nil: it takes all

	mu      sync.Mutex
	batches []consuming.Batch
	taken   map[chat.RoomID][]string // bodies, in the order in which they were taken
}

func (a *audit) Name() string                { return a.name }
func (a *audit) From() consuming.From        { return a.from }
func (a *audit) Limits() consuming.Limits    { return a.limits }
func (a *audit) Wants(room chat.RoomID) bool { return a.wants == nil || a.wants(room) }
func (a *audit) Filter(e *chat.Entry) bool   { return a.filter == nil || a.filter(e) }
func (a *audit) Seal(b consuming.Batch) []byte {
	return fmt.Appendf(nil, "%d-%d/%d", b.First, b.Last, len(b.Entries))
}

func (a *audit) Take(ctx context.Context, b consuming.Batch) (consuming.Taken, error) {
	a.mu.Lock()
	a.batches = append(a.batches, b)
	a.mu.Unlock()
	if a.take != nil {
		if err := a.take(ctx, b); err != nil {
			return consuming.Taken{}, err
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.taken == nil {
		a.taken = map[chat.RoomID][]string{}
	}
	for _, e := range b.Entries {
		a.taken[b.Room] = append(a.taken[b.Room], e.Fact.(chat.Message).Body)
	}
	return b.All(), nil
}

// has returns what was taken of a room.
func (a *audit) has(room chat.RoomID) []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.taken[room])
}

// tried returns the batches of a room that were tried.
func (a *audit) tried(room chat.RoomID) (list []consuming.Batch) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, b := range a.batches {
		if b.Room == room {
			list = append(list, b)
		}
	}
	return list
}

func mustBe(t *testing.T, what string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// numbered returns n texts.
func numbered(n int) (list []string) {
	for i := range n {
		list = append(list, fmt.Sprint("m", i))
	}
	return list
}

// soon is longer than it takes until the first sweep, or the next.
const soon = 3 * time.Second

// counted counts what is moved.
type counted struct {
	ports.Cursors
	moves atomic.Int64
}

func (c *counted) Move(ctx context.Context, moves []ports.CursorMove) ([]ports.CursorMoved, error) {
	c.moves.Add(int64(len(moves)))
	return c.Cursors.Move(ctx, moves)
}

// partial takes one entry of each batch, or nothing.
type partial struct {
	audit
	nothing atomic.Bool
}

func (p *partial) Take(ctx context.Context, b consuming.Batch) (consuming.Taken, error) {
	if _, err := p.audit.Take(ctx, b); err != nil || p.nothing.Load() {
		return consuming.Taken{}, err
	}
	return consuming.Taken{UpTo: b.First}, nil
}

// rest lets time pass, and what is then to be done be done.
func rest(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
