package presence

import (
	"context"
	"errors"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

const (
	tellEvery      = 100 * time.Millisecond // min pause between notices about a room
	tellLargeEvery = time.Second            // the same for a room of more than maxTold users
	maxTogether    = 500                    // rooms per tick; more wait for the next

	// refreshAfter is after how long a notice about a room is repeated, though nothing changed, as
	// notices may be lost.
	refreshAfter = 2 * time.Minute
	refreshLook  = 5 * time.Second // how often rooms that need that are looked for

	beatEvery = time.Second // how often a node tells that it lives
)

// Run does three things until ctx ends: it ends the presence of users who have left, tells the
// other nodes who is here, and notices which of those nodes are gone. It is called once.
func (n *Node) Run(ctx context.Context) error {
	tick := time.NewTicker(tellEvery)
	defer tick.Stop()
	last, beat, refreshed := time.Now(), time.Time{}, time.Now()
	for {
		select {
		case <-ctx.Done():
			n.beat(context.WithoutCancel(ctx), ports.Alive{Node: n.peers.self, Going: true})
			return nil
		case now := <-tick.C:
			if now.Sub(last) > peerGone/2 { // this node was paused: it cannot know who was silent
				n.peers.forgive(now)
			}
			last = now
			if n.cfg.Bus != nil && now.Sub(beat) >= beatEvery {
				beat = now
				n.beat(ctx, n.peers.beat())
				n.forgetPeers(now)
			}
			if n.cfg.Bus != nil && now.Sub(refreshed) >= refreshLook {
				refreshed = now
				n.refresh(now)
			}
			for _, r := range n.take() {
				n.attend(ctx, r, now)
			}
		}
	}
}

func (n *Node) beat(ctx context.Context, alive ports.Alive) {
	if n.cfg.Bus == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, beatEvery)
	defer cancel()
	// If the error is Unavailable, the bus has logged it itself.
	err := n.cfg.Bus.Tell(ctx, alive)
	if err != nil && !errors.Is(err, chat.Unavailable) {
		n.cfg.Observer.Fault(ctx, "tell the other nodes that this one is alive", err)
	}
}

// forgetPeers ends the presence of users on nodes that are gone.
func (n *Node) forgetPeers(now time.Time) {
	gone, refresh, left := n.peers.silent(now)
	n.cfg.Observer.Peers(left)
	if len(gone) == 0 && !refresh {
		return
	}
	for _, r := range n.all() {
		r.mu.Lock()
		for _, node := range gone {
			if was, ok := r.others[node]; ok {
				n.replace(r, ports.NodePresence{Node: node, Room: r.id, Version: was.Version}, r.first(n.peers.self, gone))
			}
		}
		if refresh && r.anybody() {
			r.untold = true
			n.queue(r)
		}
		r.mu.Unlock()
	}
}

// refresh repeats the notices about rooms whose last one is long ago.
func (n *Node) refresh(now time.Time) {
	for _, r := range n.all() {
		r.mu.Lock()
		if r.anybody() && !r.untold && now.Sub(r.told) >= refreshAfter {
			r.untold = true
			n.queue(r)
		}
		r.mu.Unlock()
	}
}

// queue adds a room to those that are due: it has something to tell, to the other nodes or the
// readers, or a presence to end. r.mu is held.
func (n *Node) queue(r *room) {
	if n.cfg.Bus == nil {
		r.untold = false
	}
	if r.queued.Load() || !r.untold && len(r.leaving)+len(r.news) == 0 {
		return
	}
	r.queued.Store(true)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.due = append(n.due, r)
}

// take returns the rooms whose turn it is.
func (n *Node) take() (due []*room) {
	n.mu.Lock()
	defer n.mu.Unlock()
	count := min(len(n.due), maxTogether)
	due = n.due[:count:count]
	if n.due = n.due[count:]; len(n.due) == 0 {
		n.due = nil
	}
	return due
}

// attend does for one room what is due. The room's lock is not held while the bus is told, as the
// bus may call a listener.
func (n *Node) attend(ctx context.Context, r *room, now time.Time) {
	r.mu.Lock()
	r.queued.Store(false)
	r.expire(now, func(user chat.UserID) { n.tell(r, user, false, "", true) })
	n.tellNews(r, now)
	r.untold = r.untold && n.cfg.Bus != nil
	notice, due := r.notice(now)
	n.queue(r)
	r.mu.Unlock()
	if !due {
		return
	}
	notice.Node, notice.Version = n.peers.self, n.peers.next()
	err := n.cfg.Bus.Tell(ctx, notice)
	if err == nil {
		return
	}
	if !errors.Is(err, chat.Unavailable) {
		n.cfg.Observer.Fault(ctx, "tell the other nodes who is present", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.untold, r.asks = true, r.asks || notice.Ask
	n.queue(r)
}
