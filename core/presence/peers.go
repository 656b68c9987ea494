package delivery

import (
	"time"

	"github.com/parley-chat/parley/ports"
)

// take returns the feeds whose turn it is.
func (p *presences) take() (due []*feed) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := min(len(p.due), presenceAtOnce)
	due = p.due[:n:n]
	if p.due = p.due[n:]; len(p.due) == 0 {
		p.due = nil
	}
	return due
}

// next returns the version of one more presence.
func (p *presences) next() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.version++
	return p.version
}

// beat returns what the others are told of this node.
func (p *presences) beat() ports.Alive {
	p.mu.Lock()
	defer p.mu.Unlock()
	alive := ports.Alive{Node: p.self, Ask: p.ask, Features: p.features.own}
	p.ask = false
	return alive
}

// alive takes what another node tells of itself.
func (p *presences) alive(n ports.Alive, now time.Time) {
	if n.Node == p.self {
		return
	}
	if n.Going {
		// Its users are on their way to other nodes, and should not seem to leave.
		now = now.Add(presenceLinger - peerGone)
	}
	p.heard(n.Node, now)
	p.can(n)
	if n.Ask {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.refresh = true
	}
}

// heard notes that a node lives. One that was taken for dead tells again what it told, if it is asked.
func (p *presences) heard(node ports.NodeID, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone[node] {
		delete(p.gone, node)
		p.ask = true
	}
	p.peers[node] = now
}

// deaf has all nodes, this one among them, tell again what some may have missed.
func (p *presences) deaf() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ask, p.refresh = true, true
}

// forgive counts all nodes as heard now.
func (p *presences) forgive(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for node := range p.peers {
		p.peers[node] = now
	}
}

// silent returns the nodes that are gone, whether all that is here is to be told again, and how many other nodes there are.
func (p *presences) silent(now time.Time) (gone []ports.NodeID, refresh bool, left int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for node, last := range p.peers {
		if now.Sub(last) <= peerGone {
			continue
		}
		gone = append(gone, node)
		delete(p.peers, node)
		delete(p.features.of, node)
		if len(p.gone) >= peersKept {
			clear(p.gone)
		}
		p.gone[node] = true
	}
	refresh, p.refresh = p.refresh, false
	return gone, refresh, len(p.peers)
}
