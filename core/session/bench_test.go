package session_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/session"
	"github.com/parley-chat/parley/ports"
)

// BenchmarkFanOut hands one entry to 1,000 sessions, over connections that only count. An operation
// is one session.
func BenchmarkFanOut(b *testing.B) {
	const sessions = 1000
	for _, together := range []int{1, 16} {
		b.Run(fmt.Sprintf("sessions=%d/entries=%d", sessions, together), func(b *testing.B) {
			w := newWorld(b, 0)
			sink := &sink{}
			hub := session.New(session.Config{Log: w.store, Reader: open{w.store}, Encoder: fixed{}, AntiEntropy: time.Hour})
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan struct{})
			go func() { defer close(done); hub.Run(ctx) }()
			defer func() { cancel(); <-done }()
			if _, err := w.store.Create(ctx, chat.Room{ID: "tea", Public: true}, ""); err != nil {
				b.Fatal(err)
			}
			var all []ports.Session
			defer func() {
				for _, s := range all {
					s.Closed()
				}
			}()
			for i := range sessions {
				s, err := hub.Open(sink, ports.Opening{Identity: identity(fmt.Sprint("user", i)), Join: &ports.Join{Room: "tea"}})
				if err != nil {
					b.Fatal(err)
				}
				all = append(all, s)
			}
			seq := chat.Seq(0)
			batch := make([]chat.Entry, together)
			b.ReportAllocs()
			sink.writes.Store(0)
			b.ResetTimer()
			for delivered := 0; delivered < b.N; delivered += sessions * together {
				for i := range batch {
					seq++
					batch[i] = chat.Entry{Room: "tea", Seq: seq, Fact: chat.Message{Body: "hello"}}
				}
				want := sink.bytes.Load() + int64(sessions*together*frameSize)
				hub.Entries(batch)
				for sink.bytes.Load() < want {
				}
			}
			b.ReportMetric(float64(sink.writes.Load())/float64(max(b.N, 1)), "writes/op")
		})
	}
}

const frameSize = 150

// fixed encodes every entry alike and nothing else, so that the benchmark is of session.
type fixed struct{}

var frame [frameSize]byte

func (fixed) Entry(dst []byte, _ *chat.Entry) []byte { return append(dst, frame[:]...) }
func (fixed) Frame(dst []byte, _ ports.Frame) []byte { return dst }

type sink struct{ bytes, writes atomic.Int64 }

func (s *sink) TryWrite(p []byte) (int, error) {
	s.bytes.Add(int64(len(p)))
	s.writes.Add(1)
	return len(p), nil
}
func (s *sink) Write([]byte) error      { return nil }
func (s *sink) Resume()                 {}
func (s *sink) Close(ports.CloseReason) {}

// open lets everybody in.
type open struct{ ports.Directory }

func (o open) Marks(context.Context, chat.Identity, chat.RoomID) ([]ports.ReadMark, error) {
	return nil, nil
}

func (o open) Enter(ctx context.Context, by chat.Identity, room chat.RoomID) (chat.Standing, chat.Role, error) {
	st, err := o.Standing(ctx, room, by.User)
	return st, chat.Write, err
}

func (open) History(context.Context, chat.Identity, ports.History) (ports.Page, error) {
	return ports.Page{}, nil
}

func (open) Mark(context.Context, chat.Identity, ports.Mark) (ports.Marked, error) {
	return ports.Marked{}, nil
}

func (open) MayRead(_ context.Context, readers []ports.Follower) ([]ports.Right, error) {
	return make([]ports.Right, len(readers)), nil
}

func (open) Allowed(context.Context, chat.Identity, chat.RoomID) (chat.Role, error) {
	return chat.Write, nil
}
