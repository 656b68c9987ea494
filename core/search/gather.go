package search

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

const (
	// busyRate is how many entries a second make the indexer leave time to those who append them.
	// These are the entries of this node.
	busyRate = 200
	// fullRate is how many entries a second mean that those who append them need all the time there
	// is. These are the entries of all nodes that append, as they share the store.
	fullRate = 3000
)

const (
	indexTime = 10 * time.Second // for one write
	// While others are busy, a write waits. So it takes more documents at once, and the indexer
	// needs only a part of a core. It waits restShare times as long as the last write took for each
	// node that appends, so that all their indexers together need no more. It waits at least
	// restMin, and at most restMost, so that new messages are soon found.
	restMin, restMost = 100 * time.Millisecond, time.Second
	restShare         = 4
	// At fullRate, only one document is indexed for every fullShare entries that are appended.
	// Reading documents and noting progress costs as much as writing them. Each node's indexer goes
	// by what its node appends. The index catches up later.
	fullShare = 10
	fullMost  = 2 * time.Second
)

var errStopped = errors.New("the service stops")

// gather writes documents of many rooms together. Each write takes what has come during the last
// one. How much can wait is bounded by the number of batches that the consumer may have under way.
type gather struct {
	index ports.SearchIndex
	rate  func() int    // entries a second that this node appends
	nodes func() int    // nodes that append, with this one
	wake  chan struct{} // of capacity one: documents wait
	ended chan struct{} // closed once nothing is written any more

	mu      sync.Mutex
	waiting []gathered
}

// gathered has the documents of a batch, all of one room, and tells who waits when they are
// written.
type gathered struct {
	docs []ports.SearchDoc
	done chan<- error
}

func newGather(index ports.SearchIndex, rate, nodes func() int) *gather {
	if rate == nil {
		rate = func() int { return 0 }
	}
	if nodes == nil {
		nodes = func() int { return 1 }
	}
	return &gather{index: index, rate: rate, nodes: nodes, wake: make(chan struct{}, 1), ended: make(chan struct{})}
}

// put writes documents, and waits until they are written.
func (g *gather) put(ctx context.Context, docs []ports.SearchDoc) error {
	if len(docs) == 0 {
		return nil
	}
	done := make(chan error, 1)
	g.mu.Lock()
	g.waiting = append(g.waiting, gathered{docs, done})
	g.mu.Unlock()
	select {
	case g.wake <- struct{}{}:
	default:
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-g.ended:
		return errStopped
	}
}

// run writes until ctx ends.
func (g *gather) run(ctx context.Context) {
	defer close(g.ended)
	for {
		select {
		case <-ctx.Done():
			return
		case <-g.wake:
		}
		if !sleep(ctx, g.rest(0, 0)) {
			return
		}
		for batch := g.take(); len(batch) > 0; batch = g.take() {
			began := time.Now()
			docs := g.write(ctx, batch)
			if !sleep(ctx, g.rest(docs, time.Since(began))) {
				return
			}
		}
	}
}

// rest returns how long to wait after a write.
func (g *gather) rest(docs int, took time.Duration) time.Duration {
	rate := g.rate()
	if rate < busyRate {
		return 0
	}
	nodes := g.nodes()
	rest := max(restMin, min(restMost, restShare*time.Duration(nodes)*took))
	if rate*nodes >= fullRate { // the others are taken to append as much
		rest = max(rest, min(fullMost, time.Duration(docs*fullShare)*time.Second/time.Duration(rate)))
	}
	return rest
}

// sleep waits. It reports false if ctx ended before.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// take takes the documents of one write: at most one batch of each room, as a batch that was given
// up may have come again.
func (g *gather) take() (batch []gathered) {
	g.mu.Lock()
	defer g.mu.Unlock()
	rooms := map[chat.RoomID]bool{}
	docs, rest := 0, g.waiting[:0:0]
	for _, is := range g.waiting {
		room := is.docs[0].Room
		if docs+len(is.docs) > ports.MaxIndexed || rooms[room] {
			rooms[room] = true // later batches of the room stay after it
			rest = append(rest, is)
			continue
		}
		rooms[room] = true
		docs += len(is.docs)
		batch = append(batch, is)
	}
	g.waiting = rest
	return batch
}

// write writes batches together. If that fails, each batch is tried alone, so that one that cannot
// be written does not hold up the others. It is not tried alone if the store is unavailable. It
// returns how many documents there were.
func (g *gather) write(ctx context.Context, batch []gathered) int {
	var docs []ports.SearchDoc
	for i := range batch {
		docs = append(docs, batch[i].docs...)
	}
	err := g.try(ctx, docs)
	for i := range batch {
		is := err
		if err != nil && len(batch) > 1 && !errors.Is(err, chat.Unavailable) {
			is = g.try(ctx, batch[i].docs)
		}
		batch[i].done <- is
	}
	return len(docs)
}

func (g *gather) try(ctx context.Context, docs []ports.SearchDoc) error {
	ctx, cancel := context.WithTimeout(ctx, indexTime)
	defer cancel()
	return g.index.Index(ctx, docs)
}
