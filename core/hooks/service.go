package hooks

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/consuming"
	"github.com/parley-chat/parley/ports"
)

const (
	lookEvery  = 3 * time.Second
	tidyEvery  = 100 // cursors are tidied after so many looks
	storeTime  = 10 * time.Second
	namePrefix = "hook:" // begins the names of all consumers that are hooks
	botPrefix  = "~hook."
)

// Runner runs the consumers of hooks, and moves their cursors. A consuming.Runner is one.
type Runner interface {
	Add(c consuming.Consumer) error
	Remove(name string)
	Seek(ctx context.Context, consumer string, room chat.RoomID, seq chat.Seq) error
	SeekTime(ctx context.Context, consumer string, room chat.RoomID, at time.Time) error
	Skip(ctx context.Context, consumer string, room chat.RoomID, to chat.Seq) error
	Forget(ctx context.Context, consumer string) error
	Retry(ctx context.Context, consumer string, room chat.RoomID) error
	Hasten(ctx context.Context, consumer string, told bool) error
	Behind(ctx context.Context, consumer string) (consuming.Behind, error)
	Idles(consumer string) bool
}

// Config is what a Service works with. All ports are needed, except Bus and Observer.
type Config struct {
	Store     ports.Hooks
	Log       ports.Log
	Directory ports.Directory
	Cursors   ports.Cursors
	Consumers ports.Consumers
	Writer    ports.Writer // for the commands of bots
	Courier   ports.Courier
	Runner    Runner
	Bus       ports.Bus          // nil: this node is alone
	Observer  ports.HookObserver // nil: nobody is told

	// Appends a batch as it is sent.
	Pack func(dst []byte, b *ports.HookBatch) []byte
	// Appends a test as it is sent.
	Test func(dst []byte, hook chat.HookID) []byte
	// Reads the answer to a batch.
	Read func(answer []byte, room chat.RoomID) (a ports.HookAnswer, err error)

	Signals     *Signals // the signals of this node; nil: there are none
	PackSignals func(dst []byte, hook chat.HookID, signals []ports.HookSignal) []byte

	Keys    *Keys         // nil: no hook can be made, and none is told anything
	Limiter ports.Limiter // for requests about hooks; nil: no limit

	// Whether all nodes have a feature. Nil: they do.
	Has func(feature string) bool
}

// Service gives the runner the hooks that there are, and lets their owners manage them.
type Service struct {
	cfg    Config
	anew   chan struct{} // of capacity one: hooks have changed
	leaves chan struct{} // closed when nobody may wait any more
	leave  func()
	nudges nudges

	mu     sync.Mutex
	known  map[chat.HookID]ports.Hook // as they were last read
	runs   map[string]int64           // by consumer: the version of the hook that the runner has
	health map[chat.HookID]*health
	pulls  map[chat.HookID]int // how many requests wait
	doubts doubts
	tests  tests
}

var (
	_ ports.HookAdmin   = (*Service)(nil)
	_ ports.HookCursors = (*Service)(nil)
)

// New returns a service. It knows no hooks before Run.
func New(cfg Config) *Service {
	if cfg.Observer == nil {
		cfg.Observer = ports.Unobserved{}
	}
	if cfg.Has == nil {
		cfg.Has = func(string) bool { return true }
	}
	if cfg.Signals == nil {
		cfg.Signals = NewSignals()
	}
	if cfg.Limiter == nil {
		cfg.Limiter = ports.Unlimited{}
	}
	s := &Service{
		cfg: cfg, anew: make(chan struct{}, 1), leaves: make(chan struct{}), known: map[chat.HookID]ports.Hook{},
		runs: map[string]int64{}, health: map[chat.HookID]*health{}, pulls: map[chat.HookID]int{},
	}
	s.leave = sync.OnceFunc(func() { close(s.leaves) })
	return s
}

// Run reads the hooks, and later those that have changed, until ctx ends. It is called once. If the
// store cannot be read, it tries again, and the known hooks stay in force.
func (s *Service) Run(ctx context.Context) error {
	defer s.Drain()
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { s.tellSignals(ctx) })
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for looks := 0; ; looks++ {
		err := s.look(ctx)
		if err == nil && looks%tidyEvery == 0 {
			err = s.tidy(ctx)
		}
		if err != nil && ctx.Err() == nil {
			s.cfg.Observer.Fault(ctx, "read hooks", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-s.anew:
		}
	}
}

// Drain answers all requests that wait for something to pull.
func (s *Service) Drain() { s.leave() }

// Hear takes notices of other nodes.
func (s *Service) Hear(notice ports.Notice) {
	if _, ok := notice.(ports.HooksChanged); ok {
		s.again()
	}
}

func (s *Service) again() {
	select {
	case s.anew <- struct{}{}:
	default:
	}
}

// changed makes all nodes read the hooks again.
func (s *Service) changed(ctx context.Context) {
	s.again()
	if s.cfg.Bus == nil {
		return
	}
	if err := s.cfg.Bus.Tell(ctx, ports.HooksChanged{}); err != nil { // others find it in the store
		s.cfg.Observer.Fault(ctx, "tell of a changed hook", err)
	}
}

// look reads the hooks, and gives the runner those that are new or have changed.
func (s *Service) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	list, err := s.cfg.Store.AllHooks(ctx)
	if err != nil {
		return err
	}
	s.cfg.Observer.HookSignals(ports.HookSignalDropped, s.cfg.Signals.set(list))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known = map[chat.HookID]ports.Hook{}
	gone, paused := maps.Clone(s.runs), 0
	for _, h := range list {
		s.known[h.ID] = h
		name := nameOf(h)
		if h.Paused != "" {
			paused++
		}
		version, runs := s.runs[name]
		delete(gone, name)
		if runs && version == h.Version {
			continue
		}
		c := newConsumer(s, h)
		if _, err := s.parcel(h); err != nil && c.rests == "" && h.Kind == ports.HookPush {
			s.cfg.Observer.Fault(ctx, "read the secrets of a hook", fmt.Errorf("%s: %w", h.ID, err))
			c.rests = err.Error()
		}
		if err := s.cfg.Runner.Add(c); err != nil {
			return err
		}
		s.runs[name] = h.Version
	}
	for name := range gone {
		s.cfg.Runner.Remove(name)
		delete(s.runs, name)
	}
	maps.DeleteFunc(s.health, func(id chat.HookID, _ *health) bool { _, is := s.known[id]; return !is })
	s.cfg.Observer.HooksCounted(len(list), paused)
	return nil
}

// parcel returns an empty parcel to a hook, with its signing secrets and keys. It fails if this
// node cannot decrypt them.
func (s *Service) parcel(h ports.Hook) (ports.Parcel, error) {
	secrets, err := s.cfg.Keys.open(ofSecrets(h.ID), h.Secrets)
	if err != nil {
		return ports.Parcel{}, err
	}
	pairs, err := s.cfg.Keys.openPairs(h.ID, h.Keys)
	if err != nil {
		return ports.Parcel{}, err
	}
	now := time.Now()
	return ports.Parcel{URL: h.URL, Secrets: good(secrets, now), Keys: privateKeys(pairs, now)}, nil
}

// idBeside returns an id for a parcel that belongs to no room. It has a marker where the ids of
// batches have a room.
func idBeside(h chat.HookID, marker string) string {
	return string(h) + "." + marker + strings.ToLower(rand.Text())
}

// tidy forgets the cursors of hooks that are gone. A node that removed such a hook may have died
// before it had done so. The hooks are read after the consumers, so that a new hook is not taken
// for one that is gone.
func (s *Service) tidy(ctx context.Context) error {
	asking, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	begun, err := s.cfg.Consumers.Begun(asking)
	if err != nil {
		return err
	}
	list, err := s.cfg.Store.AllHooks(asking)
	if err != nil {
		return err
	}
	for name := range begun.Walked {
		is := func(h ports.Hook) bool { return nameOf(h) == name }
		if strings.HasPrefix(name, namePrefix) && !slices.ContainsFunc(list, is) {
			if err := s.cfg.Runner.Forget(ctx, name); err != nil {
				return err
			}
		}
	}
	return nil
}

// hook returns a hook as the store has it.
func (s *Service) hook(ctx context.Context, id chat.HookID) (ports.Hook, error) {
	list, err := s.cfg.Store.AllHooks(ctx)
	if err != nil {
		return ports.Hook{}, err
	}
	for _, h := range list {
		if h.ID == id {
			return h, nil
		}
	}
	return ports.Hook{}, ports.NoHook(id)
}

// health says whether a hook's deliveries succeed.
type health struct {
	failing bool
	told    time.Time // when a failure was last reported
	failed  time.Time
}

const (
	tellEvery = 10 * time.Minute // how often a hook that fails is reported
	wellAfter = time.Minute      // a hook is well after so long without a failure
)

// fares notes the result of a delivery, and reports it if that is news.
func (s *Service) fares(id chat.HookID, err error) {
	now := time.Now()
	s.mu.Lock()
	h := s.health[id]
	if h == nil {
		h = &health{}
		s.health[id] = h
	}
	tell := false
	if err != nil {
		tell = !h.failing || now.Sub(h.told) >= tellEvery
		h.failing, h.failed = true, now
	} else if h.failing && now.Sub(h.failed) >= wellAfter {
		tell, h.failing = true, false
	}
	if tell {
		h.told = now
	}
	s.mu.Unlock()
	if tell {
		s.cfg.Observer.HookFailing(id, err)
	}
}
