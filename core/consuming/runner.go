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
)

// Config is what a Runner works with. All ports are needed, except Bus and Observer.
type Config struct {
	Log       ports.Log
	Cursors   ports.Cursors
	Consumers ports.Consumers
	Retries   ports.Retries
	Leases    ports.Leases
	Bus       ports.Bus               // nil: this node is alone
	Observer  ports.ConsumingObserver // nil: nobody is told

	Node  ports.NodeID  // a different one for each run of a node; empty: a random one
	Drain time.Duration // how long Run waits at the end for batches that are under way; 0: 10 s
}

// Runner runs this node's part of the consumers. Its methods may be called concurrently. Make one
// with New.
type Runner struct {
	cfg       Config
	moves     moves
	recent    *recent.Log
	later     work.Later
	lingering atomic.Int64  // how many pairs linger
	rate      work.Rate     // of what this node appends
	busy      atomic.Bool   // there are consumers; without any, nothing is done
	turned    chan struct{} // of capacity one: shares are to be acquired or given back now
	sought    chan struct{} // of capacity one: a sweep may find something
	untold    chan struct{} // of capacity one: other nodes are to be told of rooms

	mu        sync.Mutex
	consumers map[string]*following
	version   int // counts changes of consumers
	rooms     map[chat.RoomID]*room
	grown     map[chat.RoomID]chat.Seq // rooms in other nodes' shares, and how far their logs reach
	held      map[ports.Share]*tenure
	until     time.Time // the leases are good until then, by this node's clock
	nodes     int
	inFlight  int
	closing   bool
	running   sync.WaitGroup
	hard      context.Context // for batches under way; it ends when they are to be given up
	giveUp    context.CancelFunc
}

// following is a consumer as the runner knows it.
type following struct {
	Consumer // as it was last set
	name     string
	limits   Limits
	ctx      context.Context // ends when the consumer is set again or removed
	end      context.CancelFunc

	breaker
	queue    []*pair // pairs that wait for their turn
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
		cfg: cfg, recent: recent.New(cfg.Log, 0), moves: moves{cursors: cfg.Cursors, wake: make(chan struct{}, 1)},
		turned: make(chan struct{}, 1), sought: make(chan struct{}, 1), untold: make(chan struct{}, 1),
		consumers: map[string]*following{}, rooms: map[chat.RoomID]*room{}, grown: map[chat.RoomID]chat.Seq{},
		held: map[ports.Share]*tenure{},
	}
	r.hard, r.giveUp = context.WithCancel(context.Background())
	return r
}

// Run runs consumers until ctx ends. Then it begins nothing more and waits for the batches that are
// under way, at most for Config.Drain. It notes how far they got, and gives its shares back. It is
// called once.
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

// Set replaces all consumers by these. A consumer whose name was known before keeps its cursors.
// The batches that its predecessor has under way are given up and tried again. But if it rests from
// now on (see Limits), they end normally.
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

// Add adds a consumer, and replaces one of the same name.
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

// Remove removes a consumer until it is added again. Its cursors stay, and its rooms stay pending
// where it is behind. The batches that it has under way are given up. To delete its cursors see
// Forget. A consumer that is to rest for long should use Limits.Rests instead.
func (r *Runner) Remove(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.remove(name)
	r.turn()
}

// set adds or replaces a consumer. r.mu is held.
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

// remove removes a consumer. r.mu is held.
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

// turn notes that the consumers have changed, and wakes the goroutines that must know. r.mu is
// held.
func (r *Runner) turn() {
	r.version++
	r.busy.Store(len(r.consumers) > 0)
	nudge(r.turned)
	nudge(r.sought)
}

// Anew makes the runner forget all that it knows of the log, because the store keeps another one
// now. Batches that are under way end when their cursors cannot be moved.
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
	maxMoves = 500 // max cursors that one write moves

	// After a write the next one waits moveRest times as long as that write took, but at most
	// moveMost. So more cursors are written together, and the store has time for others.
	moveRest, moveMost = 4, 100 * time.Millisecond
)

// moves writes cursors in batches. Each write takes the moves that came during the last one. A pair
// has at most one move under way.
type moves struct {
	cursors ports.Cursors
	wake    chan struct{} // of capacity one: moves wait

	mu      sync.Mutex
	waiting []moving
}

type moving struct {
	move ports.CursorMove
	done chan<- moved
}

type moved struct {
	ports.CursorMoved
	err error
}

// move moves a cursor, and waits until the move is durable.
func (m *moves) move(move ports.CursorMove) (ports.CursorMoved, error) {
	done := make(chan moved, 1)
	m.mu.Lock()
	m.waiting = append(m.waiting, moving{move, done})
	m.mu.Unlock()
	nudge(m.wake)
	is := <-done
	return is.CursorMoved, is.err
}

// all moves cursors, and returns an error if a write failed. It ignores the outcome of each.
func (m *moves) all(list []ports.CursorMove) error {
	var wg sync.WaitGroup
	errs := make([]error, len(list))
	for i := range list {
		wg.Go(func() { _, errs[i] = m.move(list[i]) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// run writes moves until ended is closed. After that nobody may call move.
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
	done, err := m.cursors.Move(ctx, all)
	for i := range batch {
		if err != nil {
			batch[i].done <- moved{err: err}
			continue
		}
		batch[i].done <- moved{CursorMoved: done[i]}
	}
}
