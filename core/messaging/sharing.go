package messaging

import (
	"context"
	"crypto/rand"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-chat/parley/ports"
)

const (
	shareEvery = time.Second
	// shareLasts is how long a node counts as one that writes, after it has told so.
	shareLasts = 3 * time.Second
	// writesMuch is how many drafts a node appends in shareEvery to tell that it writes. One that
	// writes less needs little of the log.
	writesMuch = 100
)

// sharing makes a node commit one batch at a time while other nodes write too: its lanes go
// together, except for those that must stay apart (ports.Spread). Otherwise batches would be
// smaller the more nodes there are. The log would then spend its time on the batches instead of
// what is in them, and batches would wait longer for each other's rooms.
type sharing struct {
	lanes  int
	apart  int
	self   ports.NodeID
	now    atomic.Int64 // what step returns
	drafts atomic.Int64 // appended since the last look

	mu     sync.Mutex
	others map[ports.NodeID]time.Time // the other nodes that write, and when they told so
}

func (s *sharing) start(lanes, apart int) {
	s.lanes, s.apart, s.self, s.others = lanes, apart, ports.NodeID(rand.Text()), map[ports.NodeID]time.Time{}
	s.now.Store(int64(lanes))
}

// step returns how many batches are committed at a time: lane i goes with the lanes i+step,
// i+2*step and so on.
func (s *sharing) step() int { return int(s.now.Load()) }

// hear notes that a node writes.
func (s *sharing) hear(n ports.Writing) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n.Node != s.self {
		s.others[n.Node] = time.Now()
	}
}

// look sets how many batches are committed at a time. It reports whether that has changed, and
// whether this node writes.
func (s *sharing) look(now time.Time) (changed, writes bool) {
	s.mu.Lock()
	for node, heard := range s.others {
		if now.Sub(heard) > shareLasts {
			delete(s.others, node)
		}
	}
	step := int64(s.lanes)
	if len(s.others) > 0 {
		step = int64(s.apart)
	}
	s.mu.Unlock()
	return s.now.Swap(step) != step, s.drafts.Swap(0) >= writesMuch
}

// share tells the other nodes while this one writes, and takes into account that they do, until ctx
// ends.
func (j *journal) share(ctx context.Context) {
	if j.cfg.Bus == nil || len(j.lanes) == 1 {
		return
	}
	tick := time.NewTicker(shareEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			changed, writes := j.sharing.look(now)
			if changed { // drafts of a lane may wait for another one that they do not go with any more
				for _, l := range j.lanes {
					l.nudge()
				}
			}
			if writes {
				within, cancel := context.WithTimeout(ctx, shareEvery)
				_ = j.cfg.Bus.Tell(within, ports.Writing{Node: j.sharing.self}) // a bus that is away tells that itself
				cancel()
			}
		}
	}
}
