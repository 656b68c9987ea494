package hooks_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/parley-chat/parley/adapters/memory"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/consuming"
	"github.com/parley-chat/parley/core/hooks"
	"github.com/parley-chat/parley/core/messaging"
	"github.com/parley-chat/parley/ports"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	admin = chat.Identity{User: "root", Admin: true}
	alice = chat.Identity{User: "alice", Name: "Alice"}
	bob   = chat.Identity{User: "bob"}
)

// soon is longer than it takes until hooks are read, and the first sweep.
const soon = 8 * time.Second

// node is the part of a node that hooks need, in a bubble.
type node struct {
	*hooks.Service
	t       *testing.T
	store   *memory.Store
	says    *messaging.Service
	runner  *consuming.Runner
	courier *courier
	seen    *observer
	signals *hooks.Signals
	stop    func()
}

func key(b byte) []byte { return bytes.Repeat([]byte{b}, hooks.KeyBytes) }

func runs(t *testing.T, store *memory.Store, changes ...func(*hooks.Config)) *node {
	t.Helper()
	keys, err := hooks.NewKeys(key(1))
	if err != nil {
		t.Fatal(err)
	}
	n := &node{t: t, store: store, courier: &courier{}, seen: &observer{}, signals: hooks.NewSignals()}
	n.says = messaging.New(messaging.Config{Log: store, Directory: store, Autocreate: true})
	n.runner = consuming.New(consuming.Config{Log: store, Cursors: store, Consumers: store, Retries: store, Leases: store})
	cfg := hooks.Config{
		Store: store, Log: store, Directory: store, Cursors: store, Consumers: store, Writer: n.says, Courier: n.courier, Runner: n.runner,
		Observer: n.seen, Keys: keys, Pack: pack,
		Signals: n.signals, PackSignals: packSignals,
		Test: func(dst []byte, hook chat.HookID) []byte { return fmt.Append(dst, "a test of ", hook) },
	}
	for _, change := range changes {
		change(&cfg)
	}
	n.Service = hooks.New(cfg)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = n.says.Run(ctx, listener{nil, n.runner}) })
	wg.Go(func() { _ = n.runner.Run(ctx) })
	wg.Go(func() { _ = n.Service.Run(ctx) })
	n.stop = sync.OnceFunc(func() { cancel(); wg.Wait() })
	return n
}

// pack is a batch as these tests read it.
func pack(dst []byte, b *ports.HookBatch) []byte {
	dst = fmt.Appendf(dst, "%s %d-%d/%d:", b.Room, b.First, b.Last, b.Head)
	for i := range b.Entries {
		body := "?"
		switch f := b.Entries[i].Fact.(type) {
		case chat.Message:
			body = f.Body
		case chat.Deleted:
			body = fmt.Sprint("-", f.Target)
		case chat.Edited:
			body = fmt.Sprint(f.Target, "=", f.Body)
		}
		dst = fmt.Append(dst, " ", body)
	}
	return dst
}

// packSignals is a parcel of signals as these tests read it.
func packSignals(dst []byte, _ chat.HookID, signals []ports.HookSignal) []byte {
	for _, s := range signals {
		dst = fmt.Appendf(dst, "%s/%s %d %v %d, ", s.Room, s.User, s.Kind, s.On, s.Seq)
	}
	return dst
}

// listener gives a runner what is recorded.
type listener struct {
	ports.Audience
	runner *consuming.Runner
}

func (l listener) Entries(entries []chat.Entry) { l.runner.Appended(entries) }
func (listener) Hear(ports.Notice)              {}
func (listener) Followed(chat.RoomID) bool      { return false }

// courier notes what it is to bring, and answers as it is told.
type courier struct {
	mu      sync.Mutex
	came    []ports.Parcel
	answers func(ports.Parcel) (ports.HookReceipt, error) // nil: 200
}

func (c *courier) CheckURL(url string) error {
	if url == "bad" {
		return chat.Errorf(chat.Invalid, "url must be good")
	}
	return nil
}

func (c *courier) Deliver(_ context.Context, p ports.Parcel) (ports.HookReceipt, error) {
	c.mu.Lock()
	c.came = append(c.came, p)
	answers := c.answers
	c.mu.Unlock()
	if answers != nil {
		return answers(p)
	}
	return ports.HookReceipt{Status: 200}, nil
}

func (c *courier) answer(with func(ports.Parcel) (ports.HookReceipt, error)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answers = with
}

// bodies are those of the parcels so far, and forgets them.
func (c *courier) bodies() (list []string) {
	for _, p := range c.parcels() {
		list = append(list, string(p.Body))
	}
	return list
}

func (c *courier) parcels() []ports.Parcel {
	c.mu.Lock()
	defer c.mu.Unlock()
	came := c.came
	c.came = nil
	return came
}

func status(code int) func(ports.Parcel) (ports.HookReceipt, error) {
	return func(ports.Parcel) (ports.HookReceipt, error) { return ports.HookReceipt{Status: code}, nil }
}

// observer notes what it is told.
type observer struct {
	ports.Unobserved
	mu    sync.Mutex
	acts  []string
	wrong []string
	fails []string
	tries map[ports.HookResult]int
	acted []error
	fates map[ports.HookFate]int
}

func (o *observer) Fault(_ context.Context, while string, err error) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.wrong = append(o.wrong, fmt.Sprint(while, ": ", err))
	return ""
}

func (o *observer) HookSet(by chat.UserID, _ chat.HookID, what ports.HookAct, room chat.RoomID, why string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.acts = append(o.acts, fmt.Sprintf("%s %s %s %s", by, what, room, why))
}

func (o *observer) HookFailing(_ chat.HookID, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.fails = append(o.fails, fmt.Sprint(err))
}

func (o *observer) HookTried(result ports.HookResult, _ time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.tries == nil {
		o.tries = map[ports.HookResult]int{}
	}
	o.tries[result]++
}

func (o *observer) HookActed(_ chat.HookID, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.acted = append(o.acted, err)
}

func (o *observer) HookSignals(fate ports.HookFate, n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.fates == nil {
		o.fates = map[ports.HookFate]int{}
	}
	if n > 0 {
		o.fates[fate] += n
	}
}

// has returns whether an act was told.
func (o *observer) has(act string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Contains(o.acts, act)
}

// rest lets time pass, and what is then to be done be done.
func rest(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func mustBe(t *testing.T, what string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s:\ngot  %v\nwant %v", what, got, want)
	}
}

func mustFail(t *testing.T, what string, err error, kind chat.Kind) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Errorf("%s: got %v, want %s", what, err, kind)
	}
}

// tells says something, as a user, and returns its place.
func (n *node) tells(by chat.Identity, room chat.RoomID, body string) chat.Seq {
	n.t.Helper()
	r, err := ports.Record(context.Background(), n.says, by, ports.Send{Room: room, Body: body, Makes: true})
	if err != nil {
		n.t.Fatalf("%s says %q: %v", by.User, body, err)
	}
	return r.Seq
}

func (n *node) does(by chat.Identity, change ports.Change) {
	n.t.Helper()
	if _, err := ports.Record(context.Background(), n.says, by, change); err != nil {
		n.t.Fatalf("%s: %v", by.User, err)
	}
}

// log returns what was said in a room, as author: body.
func (n *node) log(room chat.RoomID) (list []string) {
	n.t.Helper()
	entries, err := n.store.Read(context.Background(), room, ports.Span{Limit: 1000})
	if err != nil {
		n.t.Fatal(err)
	}
	for i := range entries {
		switch f := entries[i].Fact.(type) {
		case chat.Message:
			list = append(list, fmt.Sprintf("%s: %s", entries[i].Author.ID, f.Body))
		case chat.Reacted:
			list = append(list, fmt.Sprintf("%s %s %d", entries[i].Author.ID, f.Emoji, f.Target))
		}
	}
	return list
}

// hooked makes a hook that is posted to, for all rooms from the start on, unless change says
// otherwise; and lets it begin.
func (n *node) hooked(change func(*ports.HookWish)) ports.HookMade {
	n.t.Helper()
	wish := ports.HookWish{Kind: ports.HookPush, URL: "https://example.org/", Filter: ports.HookFilter{Rooms: []chat.RoomPattern{"*"}}}
	if change != nil {
		change(&wish)
	}
	by := admin
	if wish.Room != "" {
		by, wish.Filter.Rooms = alice, nil
	}
	made, err := n.NewHook(context.Background(), by, wish)
	if err != nil {
		n.t.Fatalf("make a hook: %v", err)
	}
	rest(soon)
	return made
}
