package messaging_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-chat/parley/adapters/memory"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/messaging"
	"github.com/parley-chat/parley/ports"
)

// quiet hears and ignores.
type quiet struct{}

func (quiet) Entries([]chat.Entry)       {}
func (quiet) Head(chat.RoomID, chat.Seq) {}
func (quiet) Hear(ports.Notice)          {}
func (quiet) Deaf()                      {}
func (quiet) Has(string) bool            { return true }
func (quiet) Followed(chat.RoomID) bool  { return false }

// BenchmarkWrite sends through the journal to the store in memory, 256 sends at a time, from one
// user to one room. An operation is one send with its answer.
func BenchmarkWrite(b *testing.B) {
	benchmarkWrites(b, memory.New(), 256, 1)
}

// BenchmarkJournal shows how batches grow with what is under way, over a log whose commit takes a
// millisecond. An operation is one send with its answer.
func BenchmarkJournal(b *testing.B) {
	for _, rooms := range []int{1, 100} {
		for _, underWay := range []int{1, 16, 256, 4096} {
			b.Run(fmt.Sprintf("rooms=%d/underway=%d", rooms, underWay), func(b *testing.B) {
				store := memory.New()
				log := &slowLog{Store: store}
				benchmarkWrites(b, log, underWay, rooms)
				b.ReportMetric(float64(b.N)/float64(max(log.commits.Load(), 1)), "sends/batch")
			})
		}
	}
}

type store interface {
	ports.Log
	ports.Directory
}

// slowLog takes a millisecond to commit, as a disk might.
type slowLog struct {
	*memory.Store
	commits atomic.Int64
}

func (l *slowLog) Append(ctx context.Context, p []chat.Proposal) ([]ports.Outcome, error) {
	l.commits.Add(1)
	outcomes, err := l.Store.Append(ctx, p)
	time.Sleep(time.Millisecond)
	return outcomes, err
}

func benchmarkWrites(b *testing.B, on store, underWay, rooms int) {
	b.Helper()
	s := messaging.New(messaging.Config{Log: on, Directory: on})
	ctx, cancel := context.WithCancel(b.Context())
	stopped := make(chan struct{})
	go func() { defer close(stopped); s.Run(ctx, quiet{}) }()
	defer func() { cancel(); <-stopped }()
	changes := make([]ports.Change, rooms)
	for i := range changes {
		room := chat.RoomID(fmt.Sprint("room", i))
		if _, err := on.Create(ctx, chat.Room{ID: room, Public: true}, ""); err != nil {
			b.Fatal(err)
		}
		changes[i] = ports.Send{Room: room, Body: "hello"}
	}
	by := chat.Identity{User: "alice", Name: "Alice"}
	free := make(chan struct{}, underWay)
	done := func(_ ports.Receipt, err error) {
		if err != nil {
			b.Error(err)
		}
		free <- struct{}{}
	}
	for range underWay {
		free <- struct{}{}
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		<-free
		s.Write(ctx, by, changes[i%rooms], done)
	}
	for range underWay {
		<-free
	}
}
