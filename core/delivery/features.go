package delivery

import (
	"slices"
	"time"

	"github.com/parley-chat/parley/ports"
)

// features are what nodes can do beyond protocol v1 as it was first published. The presences' mu guards them.
type features struct {
	own   []string
	alone bool      // there are no other nodes
	since time.Time // when this one began to listen for them
	of    map[ports.NodeID][]string
}

// can notes what another node says that it can do.
func (p *presences) can(n ports.Alive) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !n.Going {
		p.features.of[n.Node] = n.Features
	}
}

// shared returns what this node and all others that live can do, as far as it knows: a client that uses it may come back to any of them. A
// node that has listened for less than it takes to hear of all the others knows of nothing yet.
func (p *presences) shared(now time.Time) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := &p.features
	if f.alone {
		return f.own
	}
	if now.Sub(f.since) < peerGone {
		return nil
	}
	var all []string
	for _, feature := range f.own {
		if p.allCan(feature) {
			all = append(all, feature)
		}
	}
	return all
}

// allCan reports whether every other node that lives can do it. One that tells nothing of itself cannot. p.mu is held.
func (p *presences) allCan(feature string) bool {
	for node := range p.peers {
		if !slices.Contains(p.features.of[node], feature) {
			return false
		}
	}
	return true
}
