// Package logwatch knows which log the store keeps, and notices when that is another one: an
// operator gave it another identity, or the store was restored or put in the place of another while
// the node ran.
package logwatch

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

const (
	lookEvery = 2 * time.Second
	lookTime  = 10 * time.Second
	// minPause is between two looks, however often notices of other logs come.
	minPause = time.Second
	// slowest is how long another node may take to find out that the log has changed.
	slowest = time.Minute
)

// Config is what a Watch works with. Store is needed.
type Config struct {
	Store    ports.LogIdentity
	Bus      string              // where other nodes are heard, in words for the log: "redis with the prefix parley"
	Observer ports.FaultObserver // nil: nobody is told
}

// Watch knows the log's identity. Its methods may be called concurrently.
type Watch struct {
	cfg     Config
	now     atomic.Value    // a chat.LogID
	foreign chan chat.LogID // holds one: a log that a notice was of

	// Only Run uses these.
	was     chat.LogID // the log before the present one
	changed time.Time  // when it was found to be another
}

// New returns a watch that knows nothing before Load or Run has asked the store.
func New(cfg Config) *Watch {
	if cfg.Observer == nil {
		cfg.Observer = ports.Unobserved{}
	}
	return &Watch{cfg: cfg, foreign: make(chan chat.LogID, 1)}
}

// Log returns the log's identity as it was at the last look, seconds ago at most; nothing before
// the first.
func (w *Watch) Log() chat.LogID {
	id, _ := w.now.Load().(chat.LogID)
	return id
}

// Load asks the store, for who wants to know before Run.
func (w *Watch) Load(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	id, err := w.cfg.Store.LogID(ctx)
	if err == nil {
		w.now.Store(id)
	}
	return err
}

// Run asks the store every two seconds, until ctx ends, and calls changed when the log has become
// another one. It is called once. A store that cannot be asked is asked again.
func (w *Watch) Run(ctx context.Context, changed func()) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		var theirs chat.LogID
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case theirs = <-w.foreign:
		}
		w.look(ctx, changed)
		if theirs != "" {
			w.tellOf(ctx, theirs)
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(minPause):
			}
		}
	}
}

func (w *Watch) look(ctx context.Context, changed func()) {
	before := w.Log()
	if err := w.Load(ctx); err != nil {
		if ctx.Err() == nil {
			w.cfg.Observer.Fault(ctx, "ask which log it is", err)
		}
		return
	}
	if now := w.Log(); before != "" && now != before {
		w.was, w.changed = before, time.Now()
		w.cfg.Observer.Fault(ctx, "keep to the log", chat.Errorf(chat.Internal,
			"the store's log was %s and is %s now: it was renewed or restored, or the store is another one; all connections begin anew", before, now))
		changed()
	}
}

// Foreign takes note of a notice that came by the bus and is of another log. It does not block.
func (w *Watch) Foreign(theirs chat.LogID) {
	select {
	case w.foreign <- theirs:
	default:
	}
}

// tellOf tells of a notice of another log, unless the log has just become that one, or was it until
// now: then some nodes are quicker to notice than others.
func (w *Watch) tellOf(ctx context.Context, theirs chat.LogID) {
	own := w.Log()
	if theirs == own || own == "" || theirs == w.was && time.Since(w.changed) < slowest {
		return
	}
	w.cfg.Observer.Fault(ctx, "hear of another log", chat.Errorf(chat.Internal,
		"notices of the log %s come by %s, and this node's log is %s: they are dropped. Another service uses the same bus: give each a PARLEY_BUS_PREFIX "+
			"of its own. Where it should be one service, its nodes use different stores", theirs, w.cfg.Bus, own))
}
