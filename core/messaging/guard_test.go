package messaging_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"testing"

	"github.com/parley-chat/parley/adapters/memory"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/messaging"
	"github.com/parley-chat/parley/ports"
)

// The guards count what a send costs, so that they give the same result on every machine.

// steppedLog makes each append of a single proposal wait at the gate, if there is one, so that more
// proposals gather meanwhile.
type steppedLog struct {
	*memory.Store
	entered, gate chan struct{}
	sizes         []int // of the batches
}

func (l *steppedLog) Append(ctx context.Context, p []chat.Proposal) ([]ports.Outcome, error) {
	l.sizes = append(l.sizes, len(p)) // of one room, and so of one lane, one after the other
	if l.gate != nil && len(p) == 1 {
		l.entered <- struct{}{}
		<-l.gate
	}
	return l.Store.Append(ctx, p)
}

// crowd sends to one room.
type crowd struct {
	*messaging.Service
	t     testing.TB
	log   *steppedLog
	sends []ports.Change // those of a round
	told  chan error
	done  func(ports.Receipt, error)
}

var alice = chat.Identity{User: "alice", Name: "Alice"}

func newCrowd(t testing.TB, together int) *crowd {
	t.Helper()
	log := &steppedLog{Store: memory.New(), sizes: make([]int, 0, 1<<16)}
	c := &crowd{t: t, log: log, Service: messaging.New(messaging.Config{Log: log, Directory: log.Store}), told: make(chan error, together+1)}
	if together > 1 {
		log.entered, log.gate = make(chan struct{}), make(chan struct{})
	}
	c.done = func(_ ports.Receipt, err error) { c.told <- err }
	for range together {
		c.sends = append(c.sends, ports.Send{Room: "tea", Body: "hello"})
	}
	if _, err := log.Create(t.Context(), chat.Room{ID: "tea", Public: true}, ""); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	stopped := make(chan struct{})
	go func() { defer close(stopped); c.Run(ctx, quiet{}) }()
	t.Cleanup(func() { cancel(); <-stopped })
	return c
}

// round makes the sends and waits for their receipts. If there are many, an extra one comes first,
// and the others gather while it is committed.
func (c *crowd) round() {
	await := len(c.sends)
	if c.log.gate != nil {
		c.Write(context.Background(), alice, c.sends[0], c.done)
		<-c.log.entered
		await++
	}
	for _, send := range c.sends {
		c.Write(context.Background(), alice, send, c.done)
	}
	if c.log.gate != nil {
		c.log.gate <- struct{}{}
	}
	for range await {
		if err := <-c.told; err != nil {
			c.t.Fatal(err)
		}
	}
}

func TestGuardWhatWaitsForACommitIsOneAppend(t *testing.T) {
	t.Parallel()
	for _, waiting := range []int{2, 16, 256, 512} {
		t.Run(fmt.Sprintf("%d wait", waiting), func(t *testing.T) {
			t.Parallel()
			c := newCrowd(t, waiting)
			c.round()
			if want := []int{1, waiting}; !slices.Equal(c.log.sizes, want) {
				t.Errorf("the batches were %v, want %v", c.log.sizes, want)
			}
		})
	}
}

// TestGuardASendAllocatesLittle counts what the whole process allocates for a send, from Write to
// its receipt, on the store in memory. What the wire and the session add is counted in cmd/e2e.
//
//nolint:paralleltest // it counts the allocations of the whole process
func TestGuardASendAllocatesLittle(t *testing.T) {
	for _, row := range []struct {
		together int
		limit    float64
	}{{1, 6.5}, {256, 3.5}} {
		t.Run(fmt.Sprintf("%d together", row.together), func(t *testing.T) {
			rounds := 5120 / row.together
			c := newCrowd(t, row.together)
			c.round()
			before := mallocs()
			for range rounds {
				c.round()
			}
			each := float64(mallocs()-before) / float64(rounds*row.together)
			t.Logf("%.2f allocations a send", each)
			limit := row.limit
			if underRace {
				limit += 3 // pools drop some of their items
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
