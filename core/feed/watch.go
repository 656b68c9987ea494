package feed

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

const (
	sweepEvery = time.Second
	closeIdle  = 30 * time.Second // until a feed that nobody has acquired is closed
	// A feed that is still behind the log after this time has missed something.
	confirmWait = 200 * time.Millisecond
	headsAtOnce = 1000 // rooms in one query
	// Max feeds that nobody has acquired. If there are more, these are closed at the next sweep.
	maxIdle = 4096
)

// watchIdle closes feeds that nobody needs, until ctx ends.
func (n *Node) watchIdle(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			n.sweep(now)
		}
	}
}

// sweep closes the feeds that nobody has acquired for a while. When memory runs short, it empties
// rings that serve nobody.
func (n *Node) sweep(now time.Time) {
	short := n.budget.used.Load() > n.budget.max/4*3
	n.mu.Lock()
	wait := closeIdle
	if n.idle > maxIdle { // somebody goes through very many rooms
		wait = sweepEvery
	}
	n.idle = 0
	for _, f := range n.feeds {
		f.mu.Lock()
		idle := f.refs == 0
		stale, late := idle && now.Sub(f.idle) >= wait, now.Sub(f.idle) >= 10*closeIdle
		quiet := f.ring.now.Head == f.quiet
		f.quiet = f.ring.now.Head
		f.mu.Unlock()
		stale = stale && f.Readers.Close(late)
		if stale || short && (idle || quiet) {
			f.forget()
		}
		if stale {
			n.close(f)
		} else if idle {
			n.idle++
		}
	}
	open := len(n.feeds)
	n.mu.Unlock()
	n.cfg.Observer.Feeds(open, n.budget.used.Load())
}

// watchHeads compares the feeds with the log until ctx ends, so that a lost notice delays an entry
// only by seconds. An entry that a feed lacks is mostly still on its way from the journal. So it is
// sought only if it has not come a moment later. If the log ends before the head of a feed, the log
// has lost entries.
func (n *Node) watchHeads(ctx context.Context) {
	timer := time.NewTimer(n.cfg.AntiEntropy)
	defer timer.Stop()
	var behind map[*Feed]chat.Seq
	for {
		select {
		case <-ctx.Done():
			return
		case <-n.deaf:
		case <-timer.C:
		}
		for f, head := range behind {
			if f.reaches(head) {
				n.seek(f, 0, true)
			}
		}
		behind = n.findBehind(ctx)
		wait := n.cfg.AntiEntropy
		if len(behind) > 0 {
			wait = confirmWait
		}
		timer.Reset(wait)
	}
}

// findBehind asks the log which feeds are behind it, and returns the log's heads of these.
func (n *Node) findBehind(ctx context.Context) map[*Feed]chat.Seq {
	n.mu.RLock()
	open := maps.Clone(n.feeds)
	n.mu.RUnlock()
	behind := map[*Feed]chat.Seq{}
	rooms := make([]chat.RoomID, 0, min(len(open), headsAtOnce))
	ask := func() bool {
		was := make([]chat.Seq, len(rooms)) // before the log is asked: entries may come meanwhile
		for i, room := range rooms {
			was[i] = open[room].view.Load().Head
		}
		ctx, cancel := context.WithTimeout(ctx, StoreTime)
		defer cancel()
		heads, err := n.cfg.Log.Heads(ctx, rooms)
		partial, partly := errors.AsType[*ports.Partial](err)
		if err != nil {
			n.cfg.Observer.Fault(ctx, "compare feeds with the log", err)
			if !partly {
				return false
			}
		}
		for i, room := range rooms {
			f, head := open[room], heads[room]
			switch {
			case partly && partial.Lacks(room):
			case head > f.view.Load().Head:
				behind[f] = head
			case head < was[i]:
				n.suspect(f)
			}
		}
		rooms = rooms[:0]
		return true
	}
	for room := range open {
		if rooms = append(rooms, room); len(rooms) == headsAtOnce && !ask() {
			return behind
		}
	}
	if len(rooms) > 0 {
		ask()
	}
	return behind
}
