package session_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/messaging"
	"github.com/parley-chat/parley/core/session"
	"github.com/parley-chat/parley/ports"
)

// slowEntry is a reader whose Enter waits for a moment, and counts how many wait at once.
type slowEntry struct {
	ports.Reader
	takes     time.Duration
	now, peak *atomic.Int64
}

func (r slowEntry) Enter(ctx context.Context, by chat.Identity, room chat.RoomID) (chat.Standing, chat.Role, error) {
	n := r.now.Add(1)
	defer r.now.Add(-1)
	for peak := r.peak.Load(); n > peak && !r.peak.CompareAndSwap(peak, n); peak = r.peak.Load() {
	}
	select {
	case <-time.After(r.takes):
	case <-ctx.Done():
	}
	return r.Reader.Enter(ctx, by, room)
}

// crowdedWorld is a node where joins take that long, and four may ask at once. peak is how many
// did.
func crowdedWorld(t *testing.T, takes time.Duration) (w *world, peak *atomic.Int64) {
	peak = &atomic.Int64{}
	var now atomic.Int64
	w = newWorld(t, 1, func(d *session.Config, _ *messaging.Config) { d.Joins = 4 })
	w.nodes[0].stop()
	n := w.nodes[0]
	hub := session.New(session.Config{
		Log: w.log, Encoder: lineEncoder{}, Verifier: trusting{}, Writer: n.service, Joins: 4,
		Reader: slowEntry{n.service, takes, &now, peak},
	})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { hub.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	n.hub = hub
	return w, peak
}

func TestAWaveOfJoinsTakesItsTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, peak := crowdedWorld(t, 100*time.Millisecond)
		var wg sync.WaitGroup
		for i := range 40 {
			c := w.connects(fmt.Sprint("user", i))
			wg.Go(func() { c.joins("tea") })
		}
		began := time.Now()
		wg.Wait()
		if n := peak.Load(); n != 4 {
			t.Errorf("%d joins asked the store at once", n)
		}
		if took := time.Since(began); took > 1100*time.Millisecond {
			t.Errorf("it took %v", took)
		}
	})
}

func TestWhileTooManyJoinNewConnectionsAreSentElsewhere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _ := crowdedWorld(t, time.Minute) // the store has stalled
		var clients []*client
		for i := range 4 + 4*32 {
			clients = append(clients, w.connects(fmt.Sprint("user", i)))
		}
		var wg sync.WaitGroup
		for _, c := range clients {
			wg.Go(func() {
				if l := c.isRefused(ports.Join{Room: "tea"}, chat.Unavailable); l.RetryMS <= 0 {
					t.Errorf("refused without a time to try again: %+v", l)
				}
			})
		}
		synctest.Wait()
		if err := w.nodes[0].hub.Ready(nil); !errors.Is(err, chat.Unavailable) || chat.AsError(err).RetryAfter < time.Second {
			t.Errorf("a crowded node is ready for more: %v", err)
		}
		clients[0].gets(ports.Ping{}, nil) // those who are in are served
		wg.Wait()
		if err := w.nodes[0].hub.Ready(nil); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	})
}
