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
	// gathersFrom is how many drafts a batch had, at least, after which it pays to wait for more.
	gathersFrom = 8
	// maxGather bounds that wait.
	maxGather = 20 * time.Millisecond
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

// writing returns how many of the other nodes write.
func (s *sharing) writing(now time.Time) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, heard := range s.others {
		if now.Sub(heard) <= shareLasts {
			n++
		}
	}
	return n
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

// gather waits, while other nodes write, for the next drafts of those whose last ones were just
// committed in a batch that took so long: up to half of that time. Otherwise they would be in every
// other batch. Then the log and the nodes would work for twice as many batches, and each batch
// holds up those of other nodes that have a room of it. It does not wait after a small batch, such
// as that of a single sender.
func (j *journal) gather(at, committed int, took time.Duration) {
	const looks = 4
	if committed < gathersFrom || j.sharing.step() == len(j.lanes) {
		return
	}
	enough := min(j.cfg.MaxBatch, committed+j.waiting(at))
	for range looks {
		if j.waiting(at) >= enough {
			return
		}
		time.Sleep(min(took/2, maxGather) / looks)
	}
}

// waiting returns how many drafts wait in a lane and in those that go with it.
func (j *journal) waiting(at int) (n int) {
	for step := j.sharing.step(); at < len(j.lanes); at += step {
		n += j.lanes[at].waiting()
	}
	return n
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
