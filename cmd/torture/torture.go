package torture

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/parley-chat/parley/cmd/torture/history"
)

// Config describes a run. Zero fields have the defaults in parley-torture -h.
type Config struct {
	Seed                           int64
	Nodes, Rooms, Writers, Readers int
	Time                           time.Duration // of faults under load
	Pace                           time.Duration // max time that a writer waits between changes
	Stores                         int           // PostgreSQL servers that share the rooms
	Grow                           bool          // to twice as many of them, in the middle
	Distributed                    bool          // tables are partitioned, and nodes speak as to an engine that distributes them
	Bus                            string        // nats, redis, postgres or none
	Hooks                          int           // webhooks; 0: none
	Faults                         []string      // of FaultKinds
	Parley                         string        // the binary; empty: built from source
	Settings                       []string      // for the nodes, like PARLEY_LINGER=off
	Out                            string        // the history's file; empty: torture-SEED.jsonl
	Log                            io.Writer     // for progress; may be nil
}

// Buses are the buses between nodes. With none, nodes find others' entries in the store.
var Buses = []string{"nats", "redis", "postgres", "none"}

func (c Config) withDefaults() (Config, error) {
	for field, std := range map[*int]int{&c.Nodes: 3, &c.Stores: 1, &c.Rooms: 4, &c.Writers: 8, &c.Readers: 12} {
		if *field == 0 {
			*field = std
		}
		if *field < 1 {
			return c, errors.New("nodes, stores, rooms, writers and readers: at least one each")
		}
	}
	for field, std := range map[*time.Duration]time.Duration{&c.Time: 30 * time.Second, &c.Pace: 20 * time.Millisecond} {
		if *field <= 0 {
			*field = std
		}
	}
	if c.Distributed && (c.Stores > 1 || c.Grow) {
		return c, errors.New("tables are distributed in one store, which does not grow")
	}
	if c.Hooks < 0 || c.Hooks > maxHooks {
		return c, fmt.Errorf("webhooks: 0 to %d", maxHooks)
	}
	c.Pace = max(c.Pace, 2*time.Millisecond)
	if c.Bus == "" {
		c.Bus = Buses[0]
	}
	if !slices.Contains(Buses, c.Bus) {
		return c, fmt.Errorf("there is no bus %q: %s", c.Bus, strings.Join(Buses, ", "))
	}
	for _, kind := range c.Faults {
		if !slices.Contains(FaultKinds, kind) {
			return c, fmt.Errorf("there are no faults %q: %s", kind, strings.Join(FaultKinds, ", "))
		}
	}
	if c.Out == "" {
		c.Out = fmt.Sprintf("torture-%d.jsonl", c.Seed)
	}
	if c.Log == nil {
		c.Log = io.Discard
	}
	return c, nil
}

func (c Config) say(format string, args ...any) { fmt.Fprintf(c.Log, format+"\n", args...) }

// run is one run.
type run struct {
	cfg     Config
	cluster *cluster
	history *history.Writer
	rooms   []string
	calm    atomic.Bool // there are no more faults
	asks    atomic.Int64
	wg      sync.WaitGroup // goroutines that clients have started

	receivers sync.WaitGroup // of webhooks

	mu      sync.Mutex
	latency *hdrhistogram.Histogram // of acknowledgements, in microseconds
	acked   time.Time               // the last acknowledgement
	gap     time.Duration           // the longest time without an acknowledgement
}

// Run makes a run and returns its verdict. An error means that the run could not be made; broken
// rules are in the verdict.
func Run(ctx context.Context, cfg Config) (v history.Verdict, err error) {
	if cfg, err = cfg.withDefaults(); err != nil {
		return v, err
	}
	file, err := os.Create(cfg.Out)
	if err != nil {
		return v, err
	}
	defer file.Close()
	c, err := begin(ctx, cfg)
	if err != nil {
		return v, err
	}
	defer func() { err = errors.Join(err, c.end()) }()
	r := &run{
		cfg: cfg, cluster: c, history: history.NewWriter(file), acked: time.Now(),
		latency: hdrhistogram.New(1, int64(10*time.Minute/time.Microsecond), 3),
	}
	for i := range cfg.Rooms {
		r.rooms = append(r.rooms, fmt.Sprint("room-", i+1))
	}
	r.history.Write(history.Record{Kind: history.Began, Seed: cfg.Seed, Text: fmt.Sprintf(
		"%d nodes, %d stores (grow: %t, distributed: %t), bus %s, %d rooms, %d writers, %d readers, %d webhooks, %v, faults %s",
		cfg.Nodes, cfg.Stores, cfg.Grow, cfg.Distributed, cfg.Bus, cfg.Rooms, cfg.Writers, cfg.Readers, cfg.Hooks, cfg.Time, strings.Join(cfg.Faults, ","))})
	if err := r.play(ctx); err != nil {
		return v, err
	}
	if err := r.history.Flush(); err != nil {
		return v, err
	}
	r.tell()
	return CheckFile(cfg.Out)
}

// CheckFile judges a history file again.
func CheckFile(path string) (v history.Verdict, err error) {
	file, err := os.Open(path)
	if err != nil {
		return v, err
	}
	defer file.Close()
	records, err := history.Read(bufio.NewReader(file))
	if err != nil {
		return v, err
	}
	return history.Check(records), nil
}

// endTime is how long the rest may take after all is repaired.
const endTime = 60 * time.Second

// play runs clients and faults, and then waits for the end.
func (r *run) play(ctx context.Context) error {
	reading, stopReading := context.WithCancel(ctx)
	defer stopReading()
	readers, wait, err := r.startReaders(reading)
	if err != nil {
		return err
	}
	defer wait()
	defer stopReading()
	hooks, err := r.startHooks(ctx)
	defer func() {
		for _, h := range hooks {
			h.close()
		}
		r.receivers.Wait()
	}()
	if err != nil {
		return err
	}
	if err := r.load(ctx, hooks); err != nil {
		return err
	}
	if r.cfg.Grow && len(r.cluster.stores) == r.cfg.Stores {
		return errors.New("there was no time to grow: make the run longer")
	}
	r.cfg.say("all is mended and nobody writes; readers catch up")
	if err := r.cluster.fallen(); err != nil {
		return err
	}
	heads, err := r.readLogs(ctx)
	if err != nil {
		return err
	}
	for deadline := time.Now().Add(endTime / 2); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if !slices.ContainsFunc(readers, func(rd *reader) bool { return !rd.reached(heads) }) {
			break
		}
	}
	r.awaitHooks(ctx, hooks)
	r.history.Write(history.Record{Kind: history.Ended})
	return ctx.Err()
}

// load lets writers write during the faults, and returns when everything is repaired and all
// requests are answered.
func (r *run) load(ctx context.Context, hooks []*hook) error {
	writing, stop := context.WithTimeout(ctx, r.cfg.Time)
	defer stop()
	done, giveUp := context.WithCancel(ctx)
	defer giveUp()
	var writers sync.WaitGroup
	for i := range r.cfg.Writers {
		w, err := r.writer(i)
		if err != nil {
			return err
		}
		writers.Go(func() { w.write(writing, done) })
	}
	var notMade error
	writers.Go(func() { notMade = r.late(done, hooks) })
	if slices.Contains(r.cfg.Faults, "hooks") {
		for _, h := range hooks {
			writers.Go(func() { h.misbehave(writing) })
		}
	}
	broken := r.cluster.breakThings(writing, plan(r.cfg), r.history)
	r.calm.Store(true)
	if broken == nil {
		<-writing.Done()
	}
	over := time.AfterFunc(endTime, giveUp)
	defer over.Stop()
	if broken != nil {
		giveUp()
	}
	writers.Wait()
	r.wg.Wait()
	return errors.Join(broken, notMade)
}

func (r *run) startReaders(ctx context.Context) (readers []*reader, wait func(), err error) {
	var wg sync.WaitGroup
	for i := range r.cfg.Readers {
		rd, err := r.reader(i)
		if err != nil {
			return nil, nil, err
		}
		readers = append(readers, rd)
	}
	for _, rd := range readers {
		wg.Go(func() { rd.read(ctx) })
	}
	return readers, wg.Wait, nil
}

// readLogs records the final logs, and returns their heads.
func (r *run) readLogs(ctx context.Context) (heads []int64, err error) {
	c, err := r.client("r1", 1)
	if err != nil {
		return nil, err
	}
	for _, room := range r.rooms {
		head, err := c.log(ctx, room, 0, r.history.Write)
		if err != nil {
			return nil, err
		}
		r.history.Write(history.Record{Kind: history.Final, Room: room, Head: head})
		heads = append(heads, head)
	}
	return heads, nil
}

func (r *run) id() string { return fmt.Sprint("a", r.asks.Add(1)) }

// took records an acknowledgement.
func (r *run) took(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	_ = r.latency.RecordValue(max(d.Microseconds(), 1))
	now := time.Now()
	r.gap = max(r.gap, now.Sub(r.acked))
	r.acked = now
}

// tell prints the latencies.
func (r *run) tell() {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := func(q float64) time.Duration { return time.Duration(r.latency.ValueAtQuantile(q)) * time.Microsecond }
	r.cfg.say("from the try that was answered to its acknowledgement: p50 %v, p99 %v, max %v; the longest time without one %v",
		at(50), at(99), at(100), r.gap.Round(time.Millisecond))
}
