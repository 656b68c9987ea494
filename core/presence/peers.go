package presence

import (
	"slices"
	"sync"
	"time"

	"github.com/parley-chat/parley/ports"
)

const (
	// peerGone is how long a node may be silent. Then it is gone, with the users who were present
	// there.
	peerGone = 5 * time.Second
	maxGone  = 1000 // remembered nodes that are gone
)

// peers is what a node knows of the other nodes, and tells them of itself.
type peers struct {
	self     ports.NodeID
	features []string // that this node has
	alone    bool     // there are no other nodes, and never will be
	since    time.Time

	mu      sync.Mutex
	version uint64                    // of the last presence that was told
	known   map[ports.NodeID]peer     // live
	gone    map[ports.NodeID]struct{} // were silent for too long
	refresh bool                      // others asked for all presence of this node
	ask     bool                      // the next beat asks the others for theirs
}

// peer is another node that lives.
type peer struct {
	heard    time.Time
	features []string
}

func newPeers(self ports.NodeID, features []string, alone bool) peers {
	return peers{
		self: self, features: features, alone: alone, since: time.Now(),
		known: map[ports.NodeID]peer{}, gone: map[ports.NodeID]struct{}{},
	}
}

// next returns the version of the next presence.
func (p *peers) next() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.version++
	return p.version
}

// beat returns the notice that this node lives.
func (p *peers) beat() ports.Alive {
	p.mu.Lock()
	defer p.mu.Unlock()
	alive := ports.Alive{Node: p.self, Ask: p.ask, Features: p.features}
	p.ask = false
	return alive
}

// alive takes another node's notice that it lives.
func (p *peers) alive(a ports.Alive, now time.Time) {
	if a.Node == p.self {
		return
	}
	if a.Going {
		// The users of a node that goes away are on their way to other nodes. They stay present for
		// linger.
		now = now.Add(linger - peerGone)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lives(a.Node, now)
	if !a.Going {
		p.known[a.Node] = peer{now, a.Features}
	}
	p.refresh = p.refresh || a.Ask
}

// heard notes that a node lives.
func (p *peers) heard(node ports.NodeID, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lives(node, now)
}

// lives notes that a node lives. If it was gone, all are asked to tell their presence again. p.mu
// is held.
func (p *peers) lives(node ports.NodeID, now time.Time) {
	if _, dead := p.gone[node]; dead {
		delete(p.gone, node)
		p.ask = true
	}
	p.known[node] = peer{now, p.known[node].features}
}

// deaf has all nodes, also this one, tell their presence again.
func (p *peers) deaf() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ask, p.refresh = true, true
}

// forgive counts all nodes as if they had just been heard.
func (p *peers) forgive(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for node, is := range p.known {
		p.known[node] = peer{now, is.features}
	}
}

// silent returns the nodes that are gone from now on, whether this node must tell all its presence
// again, and how many other nodes are left.
func (p *peers) silent(now time.Time) (gone []ports.NodeID, refresh bool, left int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for node, is := range p.known {
		if now.Sub(is.heard) <= peerGone {
			continue
		}
		gone = append(gone, node)
		delete(p.known, node)
		if len(p.gone) >= maxGone {
			clear(p.gone)
		}
		p.gone[node] = struct{}{}
	}
	refresh, p.refresh = p.refresh, false
	return gone, refresh, len(p.known)
}

// shared returns the features that this node and all others that live have. In its first seconds a
// node may not have heard from all others. Then it returns none.
func (p *peers) shared(now time.Time) []string {
	switch {
	case p.alone:
		return p.features
	case now.Sub(p.since) < peerGone:
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []string
	for _, feature := range p.features {
		if p.allHave(feature) {
			all = append(all, feature)
		}
	}
	return all
}

// allHave reports whether every other node that lives has a feature. One that tells no features has
// none. p.mu is held.
func (p *peers) allHave(feature string) bool {
	for _, is := range p.known {
		if !slices.Contains(is.features, feature) {
			return false
		}
	}
	return true
}
