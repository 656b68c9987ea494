package consuming

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/parley-chat/parley/ports"
)

const (
	leaseTime    = 12 * time.Second // so that the shares of a node that dies are taken over within 15 s
	renewEvery   = 4 * time.Second
	acquireEvery = time.Second // how often this node looks for shares that have become free
	leaveTime    = 5 * time.Second
)

// tenure is a share that this node holds.
type tenure struct {
	fence   int64
	running int  // pairs that are being served
	leaving bool // it is to be given back once nothing runs
}

// keepTenure holds this node's part of the shares while there are consumers, until ctx ends.
func (r *Runner) keepTenure(ctx context.Context) {
	var renewed time.Time
	for {
		wait := acquireEvery
		switch {
		case !r.busy.Load():
			if r.holds() {
				r.leave(ctx)
				renewed = time.Time{}
			}
			wait = time.Hour // until consumers are set
		default:
			if err := r.tend(ctx, &renewed); err != nil && ctx.Err() == nil {
				r.cfg.Observer.Fault(ctx, "lease shares of the rooms", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-r.turned:
		case <-time.After(wait):
		}
	}
}

// tend renews leases when that is due. It acquires shares if this node has too few, and gives some
// back if it has too many.
func (r *Runner) tend(ctx context.Context, renewed *time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, renewEvery)
	defer cancel()
	if now := time.Now(); now.Sub(*renewed) >= renewEvery {
		is, err := r.cfg.Leases.Renew(ctx, r.cfg.Node, leaseTime)
		if err != nil {
			return err
		}
		*renewed = now
		r.hold(is, now.Add(leaseTime))
	}
	if more, err := r.cfg.Leases.Acquire(ctx, r.cfg.Node); err != nil {
		return err
	} else if len(more) > 0 {
		r.acquired(more)
		*renewed = time.Time{} // so that the number of nodes is soon known
		return nil
	}
	return r.giveBack(ctx)
}

// hold notes which shares this node holds, as the store says.
func (r *Runner) hold(is ports.Tenure, until time.Time) {
	r.mu.Lock()
	r.until, r.nodes = until, is.Nodes
	now := map[ports.Share]bool{}
	for _, l := range is.Leases {
		now[l.Share] = true
		r.occupy(l)
	}
	for share := range r.held {
		if !now[share] {
			r.vacate(share)
		}
	}
	held := len(r.held)
	r.mu.Unlock()
	r.cfg.Observer.Leasing(held, is.Nodes)
}

// occupy notes that this node holds a share. r.mu is held.
func (r *Runner) occupy(l ports.Lease) {
	t := r.held[l.Share]
	if t != nil && t.fence == l.Fence {
		return
	}
	if t != nil {
		r.vacate(l.Share)
	}
	r.held[l.Share] = &tenure{fence: l.Fence}
	for _, f := range r.consumers {
		f.doubt = true
	}
	nudge(r.sought)
}

// vacate notes that this node no longer holds a share. r.mu is held.
func (r *Runner) vacate(share ports.Share) {
	delete(r.held, share)
	r.dropShare(share)
}

func (r *Runner) acquired(more []ports.Lease) {
	over := 0
	r.mu.Lock()
	for _, l := range more {
		r.occupy(l)
		if l.From != "" {
			over++
		}
	}
	held, nodes := len(r.held), r.nodes
	r.mu.Unlock()
	r.cfg.Observer.Leasing(held, nodes)
	if over > 0 {
		r.cfg.Observer.TookOver(over)
	}
}

// lose notes that another node has taken over the share of a lease.
func (r *Runner) lose(l ports.Lease) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if t := r.held[l.Share]; t != nil && t.fence == l.Fence {
		r.vacate(l.Share)
	}
}

// giveBack gives back shares if this node has more than its part, but only shares where nothing
// runs. In the others that are too many, nothing new is begun.
func (r *Runner) giveBack(ctx context.Context) error {
	r.mu.Lock()
	var free []ports.Share
	excess := len(r.held) - (ports.Shares+r.nodes-1)/max(r.nodes, 1)
	for _, share := range slices.SortedFunc(maps.Keys(r.held), r.busier) {
		t := r.held[share]
		if t.leaving = excess > 0; t.leaving && t.running == 0 {
			free = append(free, share)
		}
		excess--
	}
	for _, share := range free {
		r.vacate(share)
	}
	r.mu.Unlock()
	if len(free) == 0 {
		return nil
	}
	slices.Sort(free)
	return r.cfg.Leases.Release(ctx, r.cfg.Node, free)
}

// busier orders shares by how many pairs run in them, the fewest first. r.mu is held.
func (r *Runner) busier(a, b ports.Share) int {
	return cmp.Or(cmp.Compare(r.held[a].running, r.held[b].running), cmp.Compare(a, b))
}

// leave gives back all shares.
func (r *Runner) leave(ctx context.Context) {
	r.mu.Lock()
	known := len(r.held) > 0 || r.nodes > 0
	for share := range r.held {
		r.vacate(share)
	}
	r.nodes, r.until = 0, time.Time{}
	r.mu.Unlock()
	if !known {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, leaveTime)
	defer cancel()
	if err := r.cfg.Leases.Leave(ctx, r.cfg.Node); err != nil {
		// They lapse by themselves.
		r.cfg.Observer.Fault(ctx, "give back the shares of the rooms", err)
	}
	r.cfg.Observer.Leasing(0, 0)
}

func (r *Runner) holds() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.nodes > 0
}

// lease returns the lease of a share if work may be begun under it. r.mu is held.
func (r *Runner) lease(share ports.Share) (ports.Lease, bool) {
	t := r.held[share]
	if t == nil || t.leaving || !time.Now().Before(r.until) {
		return ports.Lease{}, false
	}
	return ports.Lease{Share: share, Fence: t.fence}, true
}

// shares returns the shares in which work may be begun, ascending. r.mu is held.
func (r *Runner) shares() (list []ports.Share) {
	for share := range r.held {
		if _, ok := r.lease(share); ok {
			list = append(list, share)
		}
	}
	slices.Sort(list)
	return list
}

// first reports whether this is the node that does what only one node does for all.
func (r *Runner) first() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, ok := r.lease(0)
	return ok
}

// stops reports whether nothing more may be begun for a consumer.
func (r *Runner) stops(f *following) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closing || f.rests()
}
