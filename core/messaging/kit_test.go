package messaging_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/parley-chat/parley/adapters/localbus"
	"github.com/parley-chat/parley/adapters/memory"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/messaging"
	"github.com/parley-chat/parley/ports"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// node is a service that runs on a store, and what it tells.
type node struct {
	*messaging.Service
	t     testing.TB
	store *memory.Store
	log   *unsteadyLog
	told  *record
	stop  func() // ends Run and waits for it
}

type tweak func(*messaging.Config)

// newNode starts a service on an empty store; it stops with the test.
func newNode(t testing.TB, tweaks ...tweak) *node {
	t.Helper()
	return newNodeOn(t, memory.New(), tweaks...)
}

func newNodeOn(t testing.TB, store *memory.Store, tweaks ...tweak) *node {
	t.Helper()
	n := &node{t: t, store: store, log: &unsteadyLog{Log: store}, told: &record{follows: map[chat.RoomID]bool{}}}
	cfg := messaging.Config{Log: n.log, Directory: store, Slots: store, Bus: toldBus{localbus.New(), n.told}}
	for _, tw := range tweaks {
		tw(&cfg)
	}
	n.Service = messaging.New(cfg)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { n.Run(ctx, n.told) })
	n.stop = sync.OnceFunc(func() { cancel(); wg.Wait() })
	t.Cleanup(n.stop)
	return n
}

// room makes a room without members.
func (n *node) room(id chat.RoomID, public bool) chat.RoomID {
	n.t.Helper()
	if _, err := n.store.Create(context.Background(), chat.Room{ID: id, Public: public}, ""); err != nil {
		n.t.Fatal(err)
	}
	return id
}

// logged returns a room's whole log.
func (n *node) logged(room chat.RoomID) []chat.Entry {
	n.t.Helper()
	entries, err := n.store.Read(context.Background(), room, ports.Span{Limit: 1 << 20})
	if err != nil {
		n.t.Fatal(err)
	}
	return entries
}

// bodies shows messages in the order of their entries.
func bodies(entries []chat.Entry) (said []string) {
	for i := range entries {
		if m, ok := entries[i].Fact.(chat.Message); ok {
			said = append(said, m.Body)
		}
	}
	return said
}

// user is somebody who uses a node.
type user struct {
	*node
	chat.Identity
}

func (n *node) user(id string) user {
	return user{n, chat.Identity{User: chat.UserID(id), Name: strings.ToUpper(id[:1]) + id[1:]}}
}

func (u user) granted(g chat.Grants) user { u.Grants = g; return u }
func (u user) asAdmin() user              { u.Admin = true; return u }

// does makes a change, which must succeed, and waits for it.
func (u user) does(change ports.Change) ports.Receipt {
	u.t.Helper()
	r, err := ports.Record(context.Background(), u, u.Identity, change)
	if err != nil {
		u.t.Fatalf("%s: %#v: %v", u.User, change, err)
	}
	return r
}

func (u user) says(room chat.RoomID, body string) ports.Receipt {
	u.t.Helper()
	return u.does(ports.Send{Room: room, Body: body})
}

func (u user) sets(room chat.RoomID, whom chat.UserID, role chat.Role) {
	u.t.Helper()
	if _, err := u.SetMember(context.Background(), u.Identity, room, whom, role); err != nil {
		u.t.Fatalf("%s makes %s %s of %s: %v", u.User, whom, role, room, err)
	}
}

// tries makes a change and returns its answer when it comes.
func (u user) tries(change ports.Change) *answer {
	a := &answer{came: make(chan struct{})}
	u.Write(context.Background(), u.Identity, change, a.done)
	return a
}

// isRefused tries to make a change, which must fail with a kind.
func (u user) isRefused(change ports.Change, want chat.Kind) *chat.Error {
	u.t.Helper()
	r, err := u.tries(change).wait()
	if !errors.Is(err, want) {
		u.t.Fatalf("%s: %#v: got %+v, %v; want %s", u.User, change, r, err, want)
	}
	return chat.AsError(err)
}

// answer is what a Write's done is told. Being told twice panics.
type answer struct {
	came    chan struct{}
	receipt ports.Receipt
	err     error
}

func (a *answer) done(r ports.Receipt, err error) {
	a.receipt, a.err = r, err
	close(a.came)
}

func (a *answer) wait() (ports.Receipt, error) {
	<-a.came
	return a.receipt, a.err
}

// isHere reports whether the answer has come.
func (a *answer) isHere() bool {
	select {
	case <-a.came:
		return true
	default:
		return false
	}
}

type appendFunc func(context.Context, []chat.Proposal) ([]ports.Outcome, error)

// fault stands between the journal and one call of Append.
type fault func(next appendFunc) appendFunc

// unsteadyLog meets one fault per call: first those that are planned, then always. It counts.
type unsteadyLog struct {
	ports.Log
	mu      sync.Mutex
	planned []fault
	always  fault
	sizes   []int        // of the batches that it was asked to append
	onRead  func() error // what Read meets first
}

func (l *unsteadyLog) meets(faults ...fault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.planned = faults
}

// batches returns how large the batches were since the last call.
func (l *unsteadyLog) batches() (sizes []int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	sizes, l.sizes = l.sizes, nil
	return sizes
}

func (l *unsteadyLog) Append(ctx context.Context, p []chat.Proposal) ([]ports.Outcome, error) {
	l.mu.Lock()
	l.sizes = append(l.sizes, len(p))
	f := l.always
	if len(l.planned) > 0 {
		f, l.planned = l.planned[0], l.planned[1:]
	}
	l.mu.Unlock()
	if f == nil {
		f = fine
	}
	return f(l.Log.Append)(ctx, p)
}

func (l *unsteadyLog) Read(ctx context.Context, room chat.RoomID, span ports.Span) ([]chat.Entry, error) {
	l.mu.Lock()
	onRead := l.onRead
	l.mu.Unlock()
	if onRead != nil {
		if err := onRead(); err != nil {
			return nil, err
		}
	}
	return l.Log.Read(ctx, room, span)
}

func unreachable() error { return chat.Errorf(chat.Unavailable, "the log is out of reach") }

func fine(next appendFunc) appendFunc { return next }

// lostBefore fails before anything is stored.
func lostBefore(appendFunc) appendFunc {
	return func(context.Context, []chat.Proposal) ([]ports.Outcome, error) { return nil, unreachable() }
}

// lostAfter stores, and then fails, as if the answer were lost.
func lostAfter(next appendFunc) appendFunc {
	return func(ctx context.Context, p []chat.Proposal) ([]ports.Outcome, error) {
		if _, err := next(ctx, p); err != nil {
			return nil, err
		}
		return nil, unreachable()
	}
}

// broken fails with another error than Unavailable.
func broken(appendFunc) appendFunc {
	return func(context.Context, []chat.Proposal) ([]ports.Outcome, error) {
		return nil, errors.New("syntax error at or near SELECT")
	}
}

// stalled takes as long as it may, and stores nothing.
func stalled(appendFunc) appendFunc {
	return func(ctx context.Context, _ []chat.Proposal) ([]ports.Outcome, error) {
		<-ctx.Done()
		return nil, chat.Wrap(chat.Unavailable, ctx.Err(), "append")
	}
}

// held stores at once, and says so when the gate opens.
func held(gate <-chan struct{}) fault {
	return func(next appendFunc) appendFunc {
		return func(ctx context.Context, p []chat.Proposal) ([]ports.Outcome, error) {
			o, err := next(ctx, p)
			<-gate
			return o, err
		}
	}
}

// record is what a node told its answers' callers, its listener and the bus, in order.
type record struct {
	mu    sync.Mutex
	notes []string
	heard []chat.Entry // by the listener
	sent  []chat.Entry // to the bus

	follows map[chat.RoomID]bool // which rooms somebody follows
	lacks   string               // a feature that not all nodes have
}

// follow lets somebody follow rooms on this node.
func (n *node) follow(rooms ...chat.RoomID) {
	n.told.mu.Lock()
	defer n.told.mu.Unlock()
	for _, room := range rooms {
		n.told.follows[room] = true
	}
}

// Has reports that all nodes have each feature but one.
func (r *record) Has(feature string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return feature != r.lacks
}

func (r *record) Followed(room chat.RoomID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.follows[room]
}

func (r *record) note(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notes = append(r.notes, fmt.Sprintf(format, args...))
}

func (r *record) Entries(entries []chat.Entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range entries {
		r.notes = append(r.notes, fmt.Sprintf("listener %s/%d", entries[i].Room, entries[i].Seq))
	}
	r.heard = append(r.heard, entries...)
}

func (r *record) Head(room chat.RoomID, seq chat.Seq) { r.note("head %s/%d", room, seq) }
func (r *record) Hear(ports.Notice)                   {}
func (r *record) Deaf()                               {}

// all returns what was told until now.
func (r *record) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.notes)
}

// entries returns what listener and bus heard until now.
func (r *record) entries() (heard, sent []chat.Entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.heard), slices.Clone(r.sent)
}

// toldBus records what it announces. Like a bus that was cut off it announces nothing once its
// context has ended.
type toldBus struct {
	*localbus.Bus
	told *record
}

func (b toldBus) Announce(ctx context.Context, entries []chat.Entry) error {
	if ctx.Err() != nil {
		return chat.Wrap(chat.Unavailable, ctx.Err(), "announce")
	}
	b.told.mu.Lock()
	defer b.told.mu.Unlock()
	for i := range entries {
		b.told.notes = append(b.told.notes, fmt.Sprintf("bus %s/%d", entries[i].Room, entries[i].Seq))
	}
	b.told.sent = append(b.told.sent, entries...)
	return nil
}

func mustEqual[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func mustBe[T comparable](t testing.TB, what string, got []T, want ...T) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}
