package torture

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/parley-chat/parley/adapters/postgres/pgtest"
	"github.com/parley-chat/parley/cmd/torture/faultproxy"
	"github.com/parley-chat/parley/cmd/torture/history"
)

// FaultKinds are the kinds of faults: nodes that are killed, paused or restarted in good order, the
// bus, the store, clients, and receivers of webhooks.
var FaultKinds = []string{"kill", "pause", "drain", "bus", "store", "clients", "hooks"}

// killAnswered kills all nodes when a webhook takes a batch: the cursor has not moved then.
const killAnswered = "kill -9 as a webhook answers"

// grow has the rooms spread over twice as many PostgreSQL servers, and drop has them drop what is
// not theirs any more.
const (
	grow = "grow"
	drop = "drop what others have"
)

// growTime is about how long it takes to make standbys and to start nodes again.
const growTime = 5 * time.Second

// long is the length of a run that has time for long faults.
const long = 2 * time.Minute

// fault is one fault: on a node, or, if node is -1, on all.
type fault struct {
	after time.Duration // after the previous fault was repaired
	what  string
	node  int
	store int // of the PostgreSQL servers
	hold  time.Duration
}

func (f fault) String() string {
	where := "all nodes"
	if f.node >= 0 {
		where = fmt.Sprint("n", f.node+1)
	}
	if f.store > 0 {
		where += fmt.Sprint(", PostgreSQL ", f.store+1)
	}
	return fmt.Sprintf("%s, %s, for %v", f.what, where, f.hold.Round(time.Millisecond))
}

// plan makes the faults of a run from its seed, for about its length.
func plan(cfg Config) (faults []fault) {
	r := rand.New(rand.NewPCG(uint64(cfg.Seed), 1))
	var all []func() fault
	among := func(kind string, more ...func() fault) {
		if slices.Contains(cfg.Faults, kind) {
			all = append(all, more...)
		}
	}
	between := func(shortest, longest time.Duration) time.Duration {
		return shortest + time.Duration(r.Int64N(int64(longest-shortest)))
	}
	one := func(what string, shortest, longest time.Duration) func() fault {
		return func() fault { return fault{what: what, node: r.IntN(cfg.Nodes), hold: between(shortest, longest)} }
	}
	everywhere := func(what string, shortest, longest time.Duration) func() fault {
		return func() fault { return fault{what: what, node: -1, hold: between(shortest, longest)} }
	}
	const ms = time.Millisecond
	kill := one("kill -9", 100*ms, 1500*ms)
	among("kill", kill, kill)
	if cfg.Hooks > 0 {
		among("kill", everywhere(killAnswered, 100*ms, 800*ms))
	}
	among("pause", one("SIGSTOP", 500*ms, 5000*ms))
	among("drain", one("SIGTERM", 100*ms, 500*ms))
	if cfg.Bus != "none" {
		among("bus", one("cut the bus", 300*ms, 3000*ms), everywhere("cut the bus", 300*ms, 3000*ms), one("stall the bus", 300*ms, 6000*ms),
			everywhere("delay the bus by 200ms", 500*ms, 3000*ms))
		if cfg.Bus != "postgres" {
			among("bus", everywhere("restart the bus", 100*ms, 1500*ms))
		}
	}
	among("store", one("cut PostgreSQL", 300*ms, 2500*ms), one("stall PostgreSQL", 300*ms, 2500*ms), everywhere("delay PostgreSQL by 20ms", 500*ms, 3000*ms),
		everywhere("restart PostgreSQL (fast)", 100*ms, 800*ms), everywhere("restart PostgreSQL (immediate)", 100*ms, 800*ms))
	if cfg.Hooks > 0 && cfg.Time >= long { // a node that is silent for 12 s loses its part of the consumers to others
		among("pause", one("SIGSTOP", 16000*ms, 22000*ms))
		among("store", one("cut PostgreSQL", 16000*ms, 22000*ms))
	}
	if len(all) == 0 && !cfg.Grow {
		return nil
	}
	if len(all) == 0 {
		all = append(all, everywhere("nothing", 100*ms, 500*ms))
	}
	dropped := false
	stores := cfg.Stores
	for sum := time.Duration(0); sum < cfg.Time; {
		f := all[r.IntN(len(all))]()
		switch {
		case cfg.Grow && stores == cfg.Stores && sum >= cfg.Time/4:
			f = fault{what: grow, node: -1, store: r.IntN(stores), hold: between(0, 200*ms)}
			stores *= 2
			sum += growTime
		case cfg.Grow && !dropped && sum >= cfg.Time*2/3:
			f = fault{what: drop, node: -1, hold: between(0, 400*ms)}
			dropped = true
		case strings.Contains(f.what, "PostgreSQL") && stores > 1:
			f.store = r.IntN(stores)
		}
		f.after = between(200*ms, 1500*ms)
		sum += f.after + f.hold
		faults = append(faults, f)
	}
	return faults
}

// breakThings executes the plan until ctx ends; then it repairs the current fault.
func (c *cluster) breakThings(ctx context.Context, faults []fault, h *history.Writer) error {
	for _, f := range faults {
		if !pause(ctx, f.after) {
			return nil
		}
		c.cfg.say("  %s", f)
		name := ""
		if f.node >= 0 {
			name = c.nodes[f.node].name
		}
		h.Write(history.Record{Kind: history.Fault, Node: name, Text: f.String()})
		if err := c.strike(ctx, f); err != nil {
			return fmt.Errorf("%s: %w", f, err)
		}
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// strike breaks something, waits, and repairs it.
func (c *cluster) strike(ctx context.Context, f fault) error {
	mending := context.WithoutCancel(ctx)
	hold := func() { pause(ctx, f.hold) }
	switch what, _, _ := strings.Cut(f.what, " ("); {
	case f.what == "kill -9":
		n := c.nodes[f.node]
		n.stop(syscall.SIGKILL)
		hold()
		return n.start(mending)
	case f.what == killAnswered:
		return c.killAnswering(ctx, hold)
	case f.what == grow:
		return c.grow(mending, f)
	case f.what == drop:
		return c.shards(mending, "drop", f.hold)
	case f.what == "nothing":
		hold()
	case f.what == "SIGTERM":
		n := c.nodes[f.node]
		n.stop(syscall.SIGTERM)
		hold()
		return n.start(mending)
	case f.what == "SIGSTOP":
		n := c.nodes[f.node]
		n.signal(syscall.SIGSTOP)
		hold()
		n.signal(syscall.SIGCONT)
	case f.what == "restart the bus":
		c.bus.kill()
		hold()
		return c.bus.start(mending)
	case what == "restart PostgreSQL":
		mode := pgtest.Fast
		if strings.Contains(f.what, "immediate") {
			mode = pgtest.Immediate
		}
		if err := c.stores[f.store].Stop(mode); err != nil {
			return err
		}
		hold()
		return c.stores[f.store].Start()
	default:
		ways := c.ways(f)
		for _, p := range ways {
			spoil(p, f.what)
		}
		hold()
		for _, p := range ways {
			p.Mend()
		}
	}
	return nil
}

// killAnswering kills all nodes as a webhook answers, and starts them again.
func (c *cluster) killAnswering(ctx context.Context, hold func()) error {
	c.trap.spring(ctx, 3*time.Second, func() {
		for _, n := range c.nodes {
			n.signal(syscall.SIGKILL)
		}
	})
	for _, n := range c.nodes {
		n.stop(syscall.SIGKILL)
	}
	hold()
	for _, n := range c.nodes {
		if err := n.start(context.WithoutCancel(ctx)); err != nil {
			return err
		}
	}
	return nil
}

// ways returns the proxies of a fault.
func (c *cluster) ways(f fault) (ways []*faultproxy.Proxy) {
	for i, n := range c.nodes {
		if f.node >= 0 && f.node != i {
			continue
		}
		if strings.Contains(f.what, "the bus") {
			ways = append(ways, n.toBus)
		} else {
			ways = append(ways, n.toStores[f.store])
		}
	}
	return ways
}

func spoil(p *faultproxy.Proxy, what string) {
	verb, _, _ := strings.Cut(what, " ")
	switch verb {
	case "cut":
		p.Cut()
	case "stall":
		p.Stall()
	case "delay":
		_, by, _ := strings.Cut(what, " by ")
		d, err := time.ParseDuration(by)
		if err != nil {
			panic(err) // unknown in a plan
		}
		p.Delay(d)
	}
}
