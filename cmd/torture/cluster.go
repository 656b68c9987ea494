package torture

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/parley-chat/parley/adapters/freeaddr"
	"github.com/parley-chat/parley/adapters/jwt"
	"github.com/parley-chat/parley/adapters/postgres/pgtest"
	"github.com/parley-chat/parley/cmd/bench/proc"
	"github.com/parley-chat/parley/cmd/torture/faultproxy"
)

// cluster is everything that a run has started.
type cluster struct {
	cfg    Config
	dir    string
	keys   *jwt.DevKeys
	parley string // the binary
	stores []*pgtest.Program
	bus    *busServer // nil: no bus, or PostgreSQL is the bus
	nodes  []*node
	trap   trap
}

// node is one node, with its own proxies to PostgreSQL and the bus.
type node struct {
	name     string
	addr     string
	spec     proc.Spec
	urls     []string // of the stores, through their proxies
	toStores []*faultproxy.Proxy
	toBus    *faultproxy.Proxy // nil: no bus
	up       atomic.Bool

	distributed bool // it speaks to its store as to an engine that distributes tables

	mu      sync.Mutex
	process *proc.Process
}

// begin starts a cluster. If it fails, it ends what it has started.
func begin(ctx context.Context, cfg Config) (_ *cluster, err error) {
	c := &cluster{cfg: cfg}
	if c.dir, err = os.MkdirTemp("", "parley-torture-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.end())
		}
	}()
	if c.keys, err = jwt.LoadOrMakeDevKeys(c.dir); err != nil {
		return nil, err
	}
	if c.parley, err = c.program(ctx); err != nil {
		return nil, err
	}
	for range cfg.Stores {
		cfg.say("starting PostgreSQL")
		store, err := pgtest.Begin(pgtest.With("wal_keep_size", "512MB")) // for standbys
		if err != nil {
			return nil, err
		}
		c.stores = append(c.stores, store)
		if cfg.Distributed {
			if err := c.partition(ctx, store.URL()); err != nil {
				return nil, err
			}
		}
	}
	if err := c.startBus(ctx); err != nil {
		return nil, err
	}
	for i := range cfg.Nodes {
		n, err := c.node(ctx, i)
		if err != nil {
			return nil, err
		}
		c.nodes = append(c.nodes, n)
		cfg.say("starting %s on %s", n.name, n.addr)
		if err := n.start(ctx); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// end ends all that was started, and removes what it left.
func (c *cluster) end() (err error) {
	for _, n := range c.nodes {
		n.kill()
		for _, p := range n.toStores {
			p.Close()
		}
		if n.toBus != nil {
			n.toBus.Close()
		}
	}
	if c.bus != nil {
		c.bus.kill()
	}
	for _, store := range c.stores {
		err = errors.Join(err, store.Remove())
	}
	return errors.Join(err, os.RemoveAll(c.dir))
}

// program returns the binary, built from source if none is given.
func (c *cluster) program(ctx context.Context) (string, error) {
	if c.cfg.Parley != "" {
		return filepath.Abs(c.cfg.Parley)
	}
	source, err := findSource()
	if err != nil {
		return "", err
	}
	c.cfg.say("building parley from %s", source)
	return build(ctx, source, "./cmd/parley", filepath.Join(c.dir, "parley"))
}

// partition migrates a store, and partitions its tables of rooms.
func (c *cluster) partition(ctx context.Context, storeURL string) error {
	cmd := exec.CommandContext(ctx, c.parley, "migrate", "up") //nolint:gosec // one of our programs
	cmd.Env = append(environ(), "PARLEY_STORE_URL="+storeURL)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("parley migrate up: %w\n%s", err, out)
	}
	return pgtest.Partition(storeURL) //nolint:contextcheck // it has a limit of its own
}

// build compiles with the flags of a release.
func build(ctx context.Context, source, pkg, path string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", path, pkg) //nolint:gosec // one of our programs
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Dir = source
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build %s: %w\n%s", pkg, err, out)
	}
	return path, nil
}

// findSource returns the root of the project.
func findSource() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "cmd", "parley", "main.go")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("run this in Parley's repository, or name a binary with -parley")
		}
		dir = filepath.Dir(dir)
	}
}

// node makes a node, and does not start it.
func (c *cluster) node(ctx context.Context, i int) (*node, error) {
	addr, err := freeaddr.Find()
	if err != nil {
		return nil, err
	}
	n := &node{name: fmt.Sprint("n", i+1), addr: addr, distributed: c.cfg.Distributed}
	if err := n.reach(ctx, c.stores...); err != nil {
		return nil, err
	}
	busURL := "local://"
	if bus := c.busURL(); bus != "" {
		if busURL, n.toBus, err = through(ctx, bus); err != nil {
			return nil, err
		}
	}
	dir := filepath.Join(c.dir, n.name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	n.spec = proc.Spec{Path: c.parley, Args: []string{"serve"}, Dir: dir, Env: append(environ(),
		"PARLEY_HTTP_ADDR="+addr, "PARLEY_ADMIN_ADDR=127.0.0.1:0", "PARLEY_DATA_DIR="+c.dir, n.storeURL(),
		"PARLEY_BUS_URL="+busURL, "PARLEY_DRAIN=2s", "PARLEY_LOG_LEVEL=warn", "PARLEY_LOG_FORMAT=text",
		"PARLEY_RATE_LIMIT=off", "PARLEY_SESSIONS_PER_USER=off", "PARLEY_ROOMS_PER_USER=off", "PARLEY_ADDS_PER_USER=off")}
	n.spec.Env = append(n.spec.Env, c.cfg.Settings...)
	return n, nil
}

// reach adds stores to those that the node names when it is started next.
func (n *node) reach(ctx context.Context, stores ...*pgtest.Program) error {
	for _, store := range stores {
		storeURL, toStore, err := through(ctx, store.URL())
		if err != nil {
			return err
		}
		if n.distributed {
			storeURL = pgtest.Distributed(storeURL)
		}
		n.urls, n.toStores = append(n.urls, storeURL), append(n.toStores, toStore)
	}
	return nil
}

// storeURL returns the setting of the stores.
func (n *node) storeURL() string { return "PARLEY_STORE_URL=" + strings.Join(n.urls, " ") }

// environ returns the environment of this process, without Parley's settings.
func environ() (env []string) {
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "PARLEY_") {
			env = append(env, v)
		}
	}
	return env
}

// through returns a URL that leads to the same server through a proxy.
func through(ctx context.Context, raw string) (string, *faultproxy.Proxy, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return "", nil, err
	}
	p, err := faultproxy.New(ctx, u.Host)
	if err != nil {
		return "", nil, err
	}
	u.Host = p.Addr()
	return u.String(), p, nil
}

// start starts the node's process and waits until it is ready.
func (n *node) start(ctx context.Context) error {
	if err := n.launch(ctx); err != nil {
		return err
	}
	return n.await(ctx)
}

// launch starts the node's process.
func (n *node) launch(ctx context.Context) error {
	p, err := proc.Start(ctx, n.spec)
	if err != nil {
		return err
	}
	n.mu.Lock()
	n.process = p
	n.mu.Unlock()
	return nil
}

// await waits until the node's process is ready.
func (n *node) await(ctx context.Context) error {
	p := n.running()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		err := ready(ctx, n.addr)
		if err == nil {
			n.up.Store(true)
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w\n%s", n.name, err, p.Output())
		case <-p.Exited():
			return fmt.Errorf("%s has ended: %s", n.name, p.Output())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func ready(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/readyz", nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(q)
	if err != nil {
		return err
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return errors.New(answer.Status)
	}
	return nil
}

// fallen returns an error that names the nodes that have ended by themselves, and what they said.
func (c *cluster) fallen() (err error) {
	for _, n := range c.nodes {
		p := n.running()
		if p == nil {
			continue
		}
		select {
		case <-p.Exited():
			err = errors.Join(err, fmt.Errorf("%s has ended by itself: %s", n.name, p.Output()))
		default:
		}
	}
	return err
}

// running returns the node's process; nil: it has none.
func (n *node) running() *proc.Process {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.process
}

// signal sends the node's process a signal.
func (n *node) signal(s syscall.Signal) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.process != nil {
		_ = syscall.Kill(n.process.PID(), s)
	}
}

// kill ends the node's process at once.
func (n *node) kill() {
	n.signal(syscall.SIGCONT)
	n.stop(syscall.SIGKILL)
}

// stop sends the process a signal and waits until it has ended.
func (n *node) stop(s syscall.Signal) {
	n.up.Store(false)
	n.signal(s)
	n.mu.Lock()
	p := n.process
	n.process = nil
	n.mu.Unlock()
	if p == nil {
		return
	}
	select {
	case <-p.Exited():
	case <-time.After(40 * time.Second): // longer than a stop may take
		_ = syscall.Kill(p.PID(), syscall.SIGKILL)
		<-p.Exited()
	}
	_ = p.Stop()
}
