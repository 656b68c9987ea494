// Package logwatch knows which log the store keeps, and notices when that changes: an operator gave
// it another identity, or the store was restored or replaced by another one while the node ran.
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
	// minPause is the pause after a look that a notice of another log has caused, however many such
	// notices come.
	minPause = time.Second
	// slowest is the longest time that another node takes to notice that the log has changed.
	slowest = time.Minute
)

// Config configures a Watch. Store is required.
type Config struct {
	Store ports.LogIdentity
	// A name of the bus for log messages: "redis with the prefix parley".
	Bus      string
	Observer ports.FaultObserver // nil: nobody is told
}

// Watch knows the log's identity. Its methods may be called concurrently.
type Watch struct {
	cfg     Config
	now     atomic.Value    // a chat.LogID
	foreign chan chat.LogID // of capacity one: another log, which a notice named

	// Only Run uses these.
	was     chat.LogID // the log before the present one
	changed time.Time  // when the change was noticed
}

// New returns a watch that knows nothing before Load or Run has asked the store.
func New(cfg Config) *Watch {
	if cfg.Observer == nil {
		cfg.Observer = ports.Unobserved{}
	}
	return &Watch{cfg: cfg, foreign: make(chan chat.LogID, 1)}
}

// Log returns the log's identity at the last look, which is at most seconds ago. It is empty before
// the first look.
func (w *Watch) Log() chat.LogID {
	id, _ := w.now.Load().(chat.LogID)
	return id
}

// Load asks the store, so that the identity is known before Run.
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
// another one. It is called once. If the store cannot be asked, it tries again.
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

// Foreign notes that the bus has brought a notice of another log. It does not block.
func (w *Watch) Foreign(theirs chat.LogID) {
	select {
	case w.foreign <- theirs:
	default:
	}
}

// tellOf tells the observer of a notice of another log. It does not if that log is the present one,
// or the one before a recent change: not all nodes notice a change at the same time.
func (w *Watch) tellOf(ctx context.Context, theirs chat.LogID) {
	own := w.Log()
	if theirs == own || own == "" || theirs == w.was && time.Since(w.changed) < slowest {
		return
	}
	w.cfg.Observer.Fault(ctx, "hear of another log", chat.Errorf(chat.Internal,
		"notices of the log %s come by %s, and this node's log is %s: they are dropped. Another service uses the same bus: give each a PARLEY_BUS_PREFIX "+
			"of its own. Where it should be one service, its nodes use different stores", theirs, w.cfg.Bus, own))
}
