//go:build linux || darwin

package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/parley-chat/parley/adapters/freeaddr"
	"github.com/parley-chat/parley/cmd/bench/load"
	"github.com/parley-chat/parley/cmd/bench/proc"
	"github.com/parley-chat/parley/cmd/bench/report"
)

// cluster is the number of nodes of a case, all on this machine and one PostgreSQL, and their bus.
// With the bus local, nodes find others' entries by comparing heads.
type cluster struct {
	nodes int
	bus   string
}

// everyBus are the buses between nodes.
var everyBus = []string{"nats", "redis", "postgres"}

// clusterCases are the cases with several nodes. They run only if asked for: -run cluster.
func clusterCases() (all []benchCase) {
	add := func(c cluster, scenario string, users int, run func(*rig) error, more ...report.Param) {
		all = append(all, benchCase{
			scenario: scenario, params: append(with("bus", c.bus, "nodes", c.nodes), more...), users: users,
			stores: []string{"postgres"}, long: true, cluster: c, run: run,
		})
	}
	alone := cluster{1, "local"}
	const readers = 300
	fan := func(c cluster) {
		add(c, "cluster-fan-out", readers, clusterFanOut(readers, 16), with("readers", readers, "window", 16)...)
	}
	fan(alone)
	for _, bus := range everyBus {
		for _, nodes := range []int{1, 2, 3} {
			fan(cluster{nodes, bus})
		}
	}
	for _, bus := range everyBus {
		for _, nodes := range []int{1, 2} {
			add(cluster{nodes, bus}, "cluster-latency", 2, clusterLatency(200), with("rate", 200)...)
		}
	}
	for _, nodes := range []int{1, 2, 4} {
		for _, rooms := range []string{"same", "own"} {
			add(cluster{nodes, "nats"}, "cluster-append", 400, clusterAppend(256, nodes, rooms == "same"), with("senders", 256, "rooms", rooms)...)
		}
	}
	return all
}

// clusterFanOut has one room whose readers are spread over the nodes. On each node one sender keeps
// a part of the messages under way.
func clusterFanOut(readers, window int) func(*rig) error {
	return func(r *rig) error {
		t := newChatter(r, readers)
		if err := r.dial(readers, 0, dialling, t, sameRoom("bench")); err != nil {
			return err
		}
		on, nodes, next := true, 1+len(r.target.others), 0
		say := func() {
			next++
			t.say(r.clients[next%nodes], r.loop.Clock())
		}
		t.arrived = func(int) {
			if on {
				say()
			}
		}
		sum, err := t.during(func() {
			for range window {
				say()
			}
		}, func() { on = false })
		t.tell(sum)
		r.measure(serverCPU, "ms/send", sum.cpu.Seconds()*1e3/sum.acknowledged)
		return err
	}
}

// clusterLatency has a sender on the first node and a reader on the second one, if there are two.
// It measures the time from the sender's answer, which the first node sends right after the commit,
// to the reader's entry. The two take different ways through the machine, so the time may be
// negative; then it counts as 0.
func clusterLatency(rate int) func(*rig) error {
	return func(r *rig) error {
		h := &gauge{chatter: newChatter(r, 1), across: report.NewLatency()}
		h.answered, h.came = map[int]time.Duration{}, map[int]time.Duration{}
		if err := r.make([]string{"bench", "elsewhere"}); err != nil { // two connections, so that the next one goes to the first node of two
			return err
		}
		if err := r.dial(1, load.NoJoin, dialling, h, sameRoom("bench")); err != nil {
			return err
		}
		r.shut = map[*load.Client]bool{r.clients[0]: true} // the sender does not read
		if err := r.dial(1, 0, dialling, h, sameRoom("bench")); err != nil {
			return err
		}
		sum, err := h.during(h.every(time.Second/time.Duration(rate), func() *load.Client { return r.clients[0] }))
		h.tell(sum)
		r.result.Latency = h.across.Summary()
		return err
	}
}

// gauge measures the time between a send's answer and its entry.
type gauge struct {
	*chatter
	answered, came map[int]time.Duration // by number; removed when both are known
	across         *report.Latency
}

// Message implements load.Handler.
func (g *gauge) Message(c *load.Client, m *load.Message) {
	now := g.loop.Now()
	switch m.Kind {
	case load.Entry:
		if _, number, ok := readStamp(m.Body); ok {
			g.note(g.came, number, now)
		}
	case load.Accepted:
		g.note(g.answered, m.ID-behindJoin, now)
	}
	g.chatter.Message(c, m)
}

func (g *gauge) note(when map[int]time.Duration, number int, now time.Duration) {
	when[number] = now
	answered, ok1 := g.answered[number]
	came, ok2 := g.came[number]
	if !ok1 || !ok2 {
		return
	}
	delete(g.answered, number)
	delete(g.came, number)
	if g.measuring {
		g.across.Record(max(came-answered, 0))
	}
}

// clusterAppend has senders that do not read, spread over the nodes: all in the same rooms, or
// those of each node in their own rooms.
func clusterAppend(senders, nodes int, same bool) func(*rig) error {
	return func(r *rig) error {
		const count = 16
		names := make([]string, count*nodes)
		for i := range names {
			names[i] = "bench-" + strconv.Itoa(i)
		}
		if err := r.begin(names); err != nil {
			return err
		}
		return r.append(senders, 1, func(i int) string { // the i-th connection goes to node i modulo nodes
			if same {
				return names[i/nodes%count]
			}
			return names[i%nodes*count+i/nodes%count]
		})
	}
}

// begin makes rooms by a message in each. One that is only joined exists on the node where somebody
// did that, and on no other.
func (r *rig) begin(rooms []string) error {
	t := newChatter(r, 1)
	from := len(r.clients)
	if err := r.dial(len(rooms), 0, dialling, t, func(i int) string { return rooms[i] }); err != nil {
		return err
	}
	t.arrived = func(int) {
		if t.under == 0 {
			r.loop.Stop()
		}
	}
	for _, c := range r.clients[from:] {
		t.say(c, r.loop.Clock())
	}
	err := r.within(10*time.Second, "the rooms are made")
	for _, c := range r.clients[from:] {
		c.Close()
	}
	r.clients = r.clients[:from]
	return err
}

// startCluster starts the nodes of a cluster, with their bus.
func (g *garage) startCluster(ctx context.Context, name string, spec proc.Spec, dialect load.Dialect, dir string, c cluster) (_ *target, err error) {
	busURL, bus, err := g.startBus(ctx, c.bus, dir, spec)
	if err != nil {
		return nil, err
	}
	spec.Env = append(slices.Clone(spec.Env), "PARLEY_BUS_URL="+busURL)
	var nodes []*target
	stop := func() error {
		var err error
		for _, n := range slices.Backward(nodes) {
			err = errors.Join(err, n.stop())
		}
		if bus != nil {
			err = errors.Join(err, bus.Stop())
		}
		return err
	}
	for i := range c.nodes {
		own := filepath.Join(dir, strconv.Itoa(i))
		if err := os.Mkdir(own, 0o700); err != nil {
			return nil, errors.Join(err, stop())
		}
		n, err := g.startOne(ctx, name, spec, dialect, own)
		if err != nil {
			return nil, errors.Join(err, stop())
		}
		nodes = append(nodes, n)
	}
	whole := *nodes[0]
	whole.others, whole.stop = nodes[1:], stop
	return &whole, nil
}

// startBus starts the server of a bus, if it needs one, and returns its URL.
func (g *garage) startBus(ctx context.Context, bus, dir string, nodes proc.Spec) (busURL string, server *proc.Process, err error) {
	switch bus {
	case "local":
		return "local://", nil, nil
	case "postgres": // the store's
		at := slices.IndexFunc(nodes.Env, func(v string) bool { return strings.HasPrefix(v, "PARLEY_STORE_URL=") })
		return strings.TrimPrefix(nodes.Env[at], "PARLEY_STORE_URL="), nil, nil
	}
	addr, err := freeaddr.Find()
	if err != nil {
		return "", nil, err
	}
	host, port, _ := net.SplitHostPort(addr)
	spec := proc.Spec{Dir: dir}
	switch bus {
	case "nats":
		spec.Path, err = g.find("nats-server", "make tools builds it")
		spec.Args = []string{"-a", host, "-p", port}
	case "redis":
		spec.Path, err = g.find("redis-server", "make parts installs it")
		spec.Args = []string{"--bind", host, "--port", port, "--save", "", "--appendonly", "no"}
	default:
		err = fmt.Errorf("there is no bus %q", bus)
	}
	if err != nil {
		return "", nil, err
	}
	if server, err = proc.Start(ctx, spec); err != nil {
		return "", nil, err
	}
	if err := reachable(ctx, addr); err != nil {
		return "", nil, errors.Join(fmt.Errorf("%s: %w\n%s", bus, err, server.Output()), server.Stop())
	}
	return (&url.URL{Scheme: bus, Host: addr}).String(), server, nil
}

// find returns the path of a third-party program.
func (g *garage) find(program, hint string) (string, error) {
	built := filepath.Join(g.source, ".tools", program)
	if _, err := os.Stat(built); err == nil {
		return built, nil
	}
	path, err := exec.LookPath(program)
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, hint)
	}
	return path, nil
}

// reachable waits until somebody listens at addr.
func reachable(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(20 * time.Millisecond):
		}
	}
}
