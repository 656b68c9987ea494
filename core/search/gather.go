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
	// busyRate is how many entries a second are so many that the indexer leaves time to those who
	// make them.
	busyRate = 200
	// fullRate is how many are so many that those who make them are taken to need all that there
	// is.
	fullRate = 3000
)

const (
	indexTime = 10 * time.Second // for one write
	// While others are busy a write waits, so that more goes with it, and so that this takes a
	// part of a core only: restMin at least, and restShare as long as the write before took, but
	// restMost at most, as what is said is to be found soon.
	restMin, restMost = 100 * time.Millisecond, time.Second
	restShare         = 4
	// While they can hardly do more, what is indexed is a fullShare of what they say: to read it
	// and to note how far it got costs as much as to write it. It is caught up with later.
	fullShare = 10
	fullMost  = 2 * time.Second
)

var errStopped = errors.New("the service stops")

// gather writes documents of many rooms together: each write takes what has come while the last one
// was under way. What waits is bounded by how many batches the consumer may have under way.
type gather struct {
	index ports.SearchIndex
	rate  func() int    // entries a second that others append
	wake  chan struct{} // holds one: there are some
	ended chan struct{} // closed once nothing is written any more

	mu      sync.Mutex
	waiting []gathered
}

// gathered is the documents of a batch, all of one room, and who waits for them to be written.
type gathered struct {
	docs []ports.SearchDoc
	done chan<- error
}

func newGather(index ports.SearchIndex, rate func() int) *gather {
	if rate == nil {
		rate = func() int { return 0 }
	}
	return &gather{index: index, rate: rate, wake: make(chan struct{}, 1), ended: make(chan struct{})}
}

// put writes documents, and waits for that.
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

// rest returns how long to wait behind a write.
func (g *gather) rest(docs int, took time.Duration) time.Duration {
	rate := g.rate()
	if rate < busyRate {
		return 0
	}
	rest := max(restMin, min(restMost, restShare*took))
	if rate >= fullRate {
		rest = max(rest, min(fullMost, time.Duration(docs*fullShare)*time.Second/time.Duration(rate)))
	}
	return rest
}

// sleep reports whether a time has passed before ctx ended.
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

// take takes what goes into one write: one batch of each room, as one that was given up may have
// come again.
func (g *gather) take() (batch []gathered) {
	g.mu.Lock()
	defer g.mu.Unlock()
	rooms := map[chat.RoomID]bool{}
	docs, rest := 0, g.waiting[:0:0]
	for _, is := range g.waiting {
		room := is.docs[0].Room
		if docs+len(is.docs) > ports.MaxIndexed || rooms[room] {
			rooms[room] = true // what is behind it stays behind it
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

// write writes batches together. If that fails for another reason than that the store is away, each
// is tried by itself, so that one which cannot be written spoils no other. It returns how many
// documents there were.
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
