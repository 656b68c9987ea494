// Command planted is the real service with one bug, which an environment variable names:
// PLANTED=ack-early, forget-key, skip, double, reorder, move-early or loose-bounds. With it the
// test of package torture shows that the checker finds real bugs in a real service. It has no other
// use.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"go.uber.org/fx"

	"github.com/parley-chat/parley/cmd/server"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// bugs are the bugs that can be planted.
var bugs = map[string]fx.Option{
	"ack-early":  fx.Decorate(func(l ports.Log) ports.Log { return &hasty{Log: l, heads: map[chat.RoomID]chat.Seq{}} }),
	"forget-key": fx.Decorate(func(l ports.Log) ports.Log { return forgetful{l} }),
	"skip":       fx.Decorate(func(e ports.Encoder) ports.Encoder { return &odd{Encoder: e, spoil: skip} }),
	"double":     fx.Decorate(func(e ports.Encoder) ports.Encoder { return &odd{Encoder: e, spoil: double} }),
	"reorder":    fx.Decorate(func(e ports.Encoder) ports.Encoder { return &odd{Encoder: e, spoil: reorder} }),

	"move-early":   fx.Decorate(func(s server.Store) server.Store { return early{s} }),
	"loose-bounds": fx.Decorate(func(s server.Store) server.Store { return loose{s} }),
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "planted:", err)
		os.Exit(1)
	}
}

func run() error {
	bug, ok := bugs[os.Getenv("PLANTED")]
	if !ok {
		return errors.New("PLANTED names no bug")
	}
	fmt.Fprintln(os.Stderr, "planted: this service has a bug:", os.Getenv("PLANTED"))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var cfg server.Config
	if err := server.NewSettings("planted", &cfg).Load(nil, os.Environ()); err != nil {
		return err
	}
	return server.Run(ctx, cfg, bug)
}

// hasty answers before it commits: at a crash, acknowledged entries are lost.
type hasty struct {
	ports.Log
	mu    sync.Mutex
	heads map[chat.RoomID]chat.Seq
}

// lateness is the time from the answer to the commit.
const lateness = 500 * time.Millisecond

func (h *hasty) Append(ctx context.Context, proposals []chat.Proposal) ([]ports.Outcome, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	outcomes := make([]ports.Outcome, len(proposals))
	for i, p := range proposals {
		heads, err := h.Heads(ctx, []chat.RoomID{p.Room})
		if err != nil {
			return nil, err
		}
		seq := max(heads[p.Room], h.heads[p.Room]) + 1
		h.heads[p.Room] = seq
		outcomes[i] = ports.Outcome{Status: ports.Appended, Entry: chat.Entry{
			Room: p.Room, Seq: seq, At: time.Now().UTC(), Author: p.Author, Key: p.Key, Fact: p.Fact,
		}}
	}
	late, kept := context.WithoutCancel(ctx), slices.Clone(proposals) // the caller uses its slice again
	time.AfterFunc(lateness, func() { _, _ = h.Log.Append(late, kept) })
	return outcomes, nil
}

// forgetful stores each proposal under a new key, so that a repetition is stored again.
type forgetful struct{ ports.Log }

// mark is between a client's key and the suffix that changes it.
const mark = "~"

func (f forgetful) Append(ctx context.Context, proposals []chat.Proposal) ([]ports.Outcome, error) {
	fresh := make([]chat.Proposal, len(proposals))
	for i, p := range proposals {
		p.Key += chat.Key(mark + rand.Text()[:8])
		fresh[i] = p
	}
	outcomes, err := f.Log.Append(ctx, fresh)
	for i := range outcomes {
		plain(&outcomes[i].Entry)
	}
	return outcomes, err
}

func (f forgetful) Read(ctx context.Context, room chat.RoomID, span ports.Span) ([]chat.Entry, error) {
	entries, err := f.Log.Read(ctx, room, span)
	for i := range entries {
		plain(&entries[i])
	}
	return entries, err
}

func plain(e *chat.Entry) {
	key, _, _ := strings.Cut(string(e.Key), mark)
	e.Key = chat.Key(key)
}

// odd sometimes spoils an entry's frame.
type odd struct {
	ports.Encoder
	spoil func(dst, frame []byte, held *[]byte) []byte

	mu   sync.Mutex
	n    int
	held []byte
}

// rarely is how many entries are between two spoiled ones.
const rarely = 40

func (o *odd) Entry(dst []byte, e *chat.Entry) []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.n++; o.n%rarely != 0 && o.held == nil {
		return o.Encoder.Entry(dst, e)
	}
	return o.spoil(dst, o.Encoder.Entry(nil, e), &o.held)
}

func skip(dst, _ []byte, _ *[]byte) []byte { return dst }

func double(dst, frame []byte, _ *[]byte) []byte { return append(append(dst, frame...), frame...) }

// reorder holds an entry back and sends it after the next one.
func reorder(dst, frame []byte, held *[]byte) []byte {
	if *held == nil {
		*held = frame
		return dst
	}
	dst = append(append(dst, frame...), *held...)
	*held = nil
	return dst
}
