package e2e_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-chat/parley/adapters/memory"
	"github.com/parley-chat/parley/adapters/wire"
	"github.com/parley-chat/parley/adapters/ws"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/messaging"
	"github.com/parley-chat/parley/core/session"
	"github.com/parley-chat/parley/ports"
)

// The guards measure costs of the whole by counting, so that they mean the same on every machine.

// wired is a session with all parts of the service and the wire, on a connection that accepts and
// counts all frames. Only the socket is missing.
type wired struct {
	ports.Session
	t      testing.TB
	sends  [][]byte // the client's frames of a round
	rounds uint64
	key    [8]byte
	log    *steppedLog
	frames frames
}

// steppedLog has an append of a single proposal wait at the gate, if there is one. So the size of
// the next batch does not depend on the scheduler.
type steppedLog struct {
	*memory.Store
	entered, gate chan struct{}
}

func (l *steppedLog) Append(ctx context.Context, p []chat.Proposal) ([]ports.Outcome, error) {
	if l.gate != nil && len(p) == 1 {
		l.entered <- struct{}{}
		<-l.gate
	}
	return l.Store.Append(ctx, p)
}

// frames counts the server's frames on a connection.
type frames struct {
	taken atomic.Int64
	want  atomic.Int64  // count to wait for
	there chan struct{} // holds one
}

func (f *frames) TryWrite(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 { // a header of 2 bytes, or of 4 if the length is 126, and the payload
		size := 2 + int(p[1])
		if p[1] == 126 {
			size = 4 + int(p[2])<<8 + int(p[3])
		}
		p = p[size:]
		if f.taken.Add(1) == f.want.Load() {
			f.there <- struct{}{}
		}
	}
	return n, nil
}
func (f *frames) Write(p []byte) error    { _, err := f.TryWrite(p); return err }
func (f *frames) Resume()                 {}
func (f *frames) Close(ports.CloseReason) {}

func newWired(t testing.TB, together int) *wired {
	t.Helper()
	store := &steppedLog{Store: memory.New()}
	if together > 1 {
		store.entered, store.gate = make(chan struct{}), make(chan struct{})
	}
	if _, err := store.Create(t.Context(), chat.Room{ID: "tea", Public: true}, ""); err != nil {
		t.Fatal(err)
	}
	service := messaging.New(messaging.Config{Log: store, Directory: store})
	hub := session.New(session.Config{Log: store, Reader: service, Writer: service, Encoder: ws.Encoder{}, AntiEntropy: time.Hour, Linger: -1})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { hub.Run(ctx) })
	wg.Go(func() { service.Run(ctx, hub) })
	t.Cleanup(func() { cancel(); wg.Wait() })

	w := &wired{t: t, log: store}
	w.frames.there = make(chan struct{}, 1)
	w.frames.want.Store(2) // the welcome and the join's ok
	who := &chat.Identity{User: "alice", Name: "Alice", Expires: time.Now().Add(time.Hour)}
	var err error
	if w.Session, err = hub.Open(&w.frames, ports.Opening{Identity: who, Join: &ports.Join{Room: "tea"}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Closed)
	<-w.frames.there
	for i := range together {
		w.sends = append(w.sends, fmt.Appendf(nil, `{"type":"send","id":"c0ffee-%d","room":"tea","body":"Good morning, is anybody there who could help me?"}`, i))
	}
	return w
}

// round passes on the frames of its sends, and waits for an ok and an entry of each. If there are
// many, all but the first are gathered during the commit of the first. A key is another one in each
// round.
func (w *wired) round() {
	for _, frame := range w.sends {
		if _, key, ok := bytes.Cut(frame, []byte(`"key":"`)); ok {
			w.rounds++
			binary.BigEndian.PutUint64(w.key[:], w.rounds)
			hex.Encode(key, w.key[:])
		}
	}
	w.frames.want.Add(int64(2 * len(w.sends)))
	for i, frame := range w.sends {
		w.Command(context.Background(), wire.Decode(frame))
		if i == 0 && w.log.gate != nil {
			<-w.log.entered
		}
	}
	if w.log.gate != nil {
		w.log.gate <- struct{}{}
	}
	<-w.frames.there
}

// TestGuardASendAllocatesLittle counts the allocations of the whole process for a send: from the
// bytes of its frame, through the store in memory, to the bytes of its ok and its entry. For sends
// that share a commit the limit is 15, which was the aim. A single send pays for its whole batch
// and for the feed's view: with a key of the client, as clients give one, it is within 15 too; to
// make one takes one more.
//
//nolint:paralleltest // it counts the allocations of the whole process
func TestGuardASendAllocatesLittle(t *testing.T) {
	for _, row := range []struct {
		together int
		keyed    bool
		limit    float64
	}{{1, true, 14.5}, {1, false, 15.5}, {60, false, 12}} { // a session accepts at most 64 at a time
		t.Run(fmt.Sprintf("%d together, with keys: %v", row.together, row.keyed), func(t *testing.T) {
			w := newWired(t, row.together)
			if row.keyed {
				w.sends[0] = []byte(strings.Replace(string(w.sends[0]), `"room"`, `"key":"0123456789abcdef","room"`, 1))
			}
			w.round()
			rounds := 6000 / row.together
			before := mallocs()
			for range rounds {
				w.round()
			}
			each := float64(mallocs()-before) / float64(rounds*row.together)
			t.Logf("%.2f allocations a send", each)
			limit := row.limit
			if underRace { // under race, pools drop some of their items
				limit += 5
			}
			if each > limit {
				t.Errorf("a send allocates %.2f times, want at most %v", each, limit)
			}
		})
	}
}

func mallocs() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Mallocs
}
