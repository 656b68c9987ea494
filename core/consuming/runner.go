package consuming

import (
	"context"
	"crypto/rand"
	"errors"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/recent"
	"github.com/parley-chat/parley/core/work"
	"github.com/parley-chat/parley/ports"
)

const (
	storeTime = 10 * time.Second // for one call to the store
	stdDrain  = 10 * time.Second

	// together is how long before a consumer asks what another one was given may have been read.
	// Between such a read and its Take the bounds are written, which takes as long.
	together = 10 * time.Millisecond
)

// Config is what a Runner works with. All ports but Bus and Observer are needed.
type Config struct {
	Log       ports.Log
	Cursors   ports.Cursors
	Consumers ports.Consumers
	Retries   ports.Retries
	Leases    ports.Leases
	Bus       ports.Bus               // nil: this node is alone
	Observer  ports.ConsumingObserver // nil: nobody is told

	Node  ports.NodeID  // another for each run of a node; empty: one at random
	Drain time.Duration // how long a stop waits for what is under way; 0: 10 s
}

// Runner runs consumers, this node's part of them. Its methods may be called concurrently. Make one
// with New.
type Runner struct {
	cfg       Config
	moves     moves
	recent    *recent.Log
	later     work.Later
	lingering atomic.Int64  // pairs that linger
	rate      work.Rate     // of what this node appends
	busy      atomic.Bool   // there are consumers: without any nothing is done
	turned    chan struct{} // holds one: there are shares to hold now, or none any more
	sought    chan struct{} // holds one: there may be something to sweep up
	untold    chan struct{} // holds one: other nodes are to be told of rooms

	mu        sync.Mutex
	consumers map[string]*following
	version   int // of consumers
	rooms     map[chat.RoomID]*room
	grown     map[chat.RoomID]chat.Seq // of other nodes' shares
	held      map[ports.Share]*tenure
	until     time.Time // the leases are good until then, by this node's clock
	nodes     int
	inFlight  int
	closing   bool
	running   sync.WaitGroup
	hard      context.Context // of what is under way: it ends when that is to be given up
	giveUp    context.CancelFunc
}

// following is a consumer as the runner knows it.
type following struct {
	Consumer // as it was set last
	name     string
	limits   Limits
	ctx      context.Context // ends when it is set anew or taken out
	end      context.CancelFunc

	breaker
	queue    []*pair // whose turn comes
	inFlight int
	paused   time.Time
}

// New returns a runner without consumers.
func New(cfg Config) *Runner {
	if cfg.Observer == nil {
		cfg.Observer = ports.Unobserved{}
	}
	if cfg.Node == "" {
		cfg.Node = ports.NodeID(rand.Text())
	}
	if cfg.Drain <= 0 {
		cfg.Drain = stdDrain
	}
	r := &Runner{
		cfg: cfg, recent: recent.New(cfg.Log, 0, together), moves: moves{cursors: cfg.Cursors, wake: make(chan struct{}, 1)},
		turned: make(chan struct{}, 1), sought: make(chan struct{}, 1), untold: make(chan struct{}, 1),
		consumers: map[string]*following{}, rooms: map[chat.RoomID]*room{}, grown: map[chat.RoomID]chat.Seq{},
		held: map[ports.Share]*tenure{},
	}
	r.hard, r.giveUp = context.WithCancel(context.Background())
	return r
}

// Run runs consumers until ctx ends. Then it begins nothing more, waits for what is under way as
// long as Config.Drain says, notes how far that got, and gives its shares back. It is called once.
func (r *Runner) Run(ctx context.Context) error {
	var loops, writes sync.WaitGroup
	done := make(chan struct{})
	writes.Go(func() { r.moves.run(done) }) //nolint:contextcheck // what is done is noted also after ctx has ended
	loops.Go(func() { r.keepTenure(ctx) })
	loops.Go(func() { r.keepSweeping(ctx) })
	loops.Go(func() { r.keepWalking(ctx) })
	loops.Go(func() { r.keepSurveying(ctx) })
	if r.cfg.Bus != nil {
		loops.Go(func() { r.keepTelling(ctx) })
	}
	<-ctx.Done()
	r.mu.Lock()
	r.closing = true
	r.mu.Unlock()
	loops.Wait()
	given := time.AfterFunc(r.cfg.Drain, r.giveUp)
	r.running.Wait()
	given.Stop()
	r.giveUp()
	r.later.Close()
	close(done)
	writes.Wait()
	r.leave(context.WithoutCancel(ctx))
	return nil
}

// Set makes these the consumers, and no others. One that was there under its name goes on with its
// cursors; what it has under way as the one that it was is given up, and tried again, unless it
// rests from now on (see Limits): then that ends well.
func (r *Runner) Set(consumers []Consumer) error {
	for _, c := range consumers {
		if err := CheckName(c.Name()); err != nil {
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	gone := maps.Clone(r.consumers)
	for _, c := range consumers {
		r.set(c)
		delete(gone, c.Name())
	}
	for name := range gone {
		r.remove(name)
	}
	r.turn()
	return nil
}

// Add makes c one of the consumers, in place of one of its name.
func (r *Runner) Add(c Consumer) error {
	if err := CheckName(c.Name()); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.set(c)
	r.turn()
	return nil
}

// Remove takes a consumer out until it is added again: its cursors stay, and so do the marks of
// rooms where it is behind. What it has under way is given up. See Forget, and for one that is to
// rest for long Limits.Rests.
func (r *Runner) Remove(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.remove(name)
	r.turn()
}

// set puts in a consumer. r.mu is held.
func (r *Runner) set(c Consumer) {
	name, limits := c.Name(), c.Limits().bounded()
	f, window := r.consumers[name], limits.Rooms
	switch {
	case f == nil:
		f = &following{name: name}
		r.consumers[name] = f
		f.ctx, f.end = context.WithCancel(r.hard)
	case limits.Rests == "":
		if f.failed > 0 {
			window = awayAtOnce
		}
		f.end()
		f.ctx, f.end = context.WithCancel(r.hard)
	}
	f.Consumer, f.limits, f.paused = c, limits, time.Time{}
	f.breaker = breaker{window: window, doubt: true}
	if f.rests() {
		f.idles()
	}
}

// remove takes out a consumer. r.mu is held.
func (r *Runner) remove(name string) {
	f := r.consumers[name]
	if f == nil {
		return
	}
	f.end()
	f.idles()
	delete(r.consumers, name)
	r.cfg.Observer.Forgot(name)
}

// turn has everybody look who the consumers are now. r.mu is held.
func (r *Runner) turn() {
	r.version++
	r.busy.Store(len(r.consumers) > 0)
	nudge(r.turned)
	nudge(r.sought)
}

// Anew has the runner forget all that it knows of the log, because the store keeps another one now.
// What is under way ends as its cursor allows.
func (r *Runner) Anew() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id := range r.rooms {
		r.drop(id)
	}
	r.recent.Clear()
	nudge(r.sought)
}

func nudge(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

const (
	maxMoves = 500 // cursors that one write moves

	// Behind a write the next one waits moveRest times as long as that took, moveMost at most, so
	// that more goes with it and a part of the store's time is left to others.
	moveRest, moveMost = 4, 100 * time.Millisecond
)

// moves writes cursors in batches: each write takes what has gathered while the last one was under
// way. A pair has one move under way at most.
type moves struct {
	cursors ports.Cursors
	wake    chan struct{} // holds one: there are some

	mu      sync.Mutex
	waiting []moving
}

type moving struct {
	move ports.CursorMove
	done chan<- moved
}

type moved struct {
	outcome ports.MoveOutcome
	err     error
}

// move moves a cursor, durably, and waits for that.
func (m *moves) move(move ports.CursorMove) (ports.MoveOutcome, error) {
	done := make(chan moved, 1)
	m.mu.Lock()
	m.waiting = append(m.waiting, moving{move, done})
	m.mu.Unlock()
	nudge(m.wake)
	is := <-done
	return is.outcome, is.err
}

// all moves cursors, and returns an error where none is known to have moved. What became of each
// does not matter.
func (m *moves) all(list []ports.CursorMove) error {
	var wg sync.WaitGroup
	errs := make([]error, len(list))
	for i := range list {
		wg.Go(func() { _, errs[i] = m.move(list[i]) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// run writes until ended is closed. Nobody may move anything after that.
func (m *moves) run(ended <-chan struct{}) {
	for {
		select {
		case <-m.wake:
		case <-ended:
			return
		}
		for batch := m.take(); len(batch) > 0; batch = m.take() {
			began := time.Now()
			m.write(batch)
			select {
			case <-ended:
			case <-time.After(min(moveMost, moveRest*time.Since(began))):
			}
		}
	}
}

func (m *moves) take() []moving {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := min(len(m.waiting), maxMoves)
	batch := m.waiting[:n:n]
	if m.waiting = m.waiting[n:]; len(m.waiting) == 0 {
		m.waiting = nil
	}
	return batch
}

func (m *moves) write(batch []moving) {
	all := make([]ports.CursorMove, len(batch))
	for i := range batch {
		all[i] = batch[i].move
	}
	ctx, cancel := context.WithTimeout(context.Background(), storeTime)
	defer cancel()
	outcomes, err := m.cursors.Move(ctx, all)
	for i := range batch {
		if err != nil {
			batch[i].done <- moved{err: err}
			continue
		}
		batch[i].done <- moved{outcome: outcomes[i]}
	}
}
