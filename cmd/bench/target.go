//go:build linux || darwin

package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/parley-chat/parley/adapters/freeaddr"
	"github.com/parley-chat/parley/adapters/jwt"
	"github.com/parley-chat/parley/adapters/postgres/pgtest"
	"github.com/parley-chat/parley/cmd/bench/load"
	"github.com/parley-chat/parley/cmd/bench/proc"
)

const (
	parley      = "parley"
	compressing = "parley-compressed" // all clients offer permessage-deflate
)

// ways are Parley with other settings than the defaults, to measure their cost.
var ways = map[string][]string{
	parley:             nil,
	"parley-unseen":    {"PARLEY_METRICS=false"},
	"parley-unindexed": {"PARLEY_SEARCH=off"},
	compressing:        nil,
	"parley-traced":    {"OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf", "OTEL_TRACES_SAMPLER=parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG=0.01"},
}

func isParley(name string) bool { _, ok := ways[name]; return ok }

// peers are the servers that Parley is compared with: programs in a module of their own, with their
// arguments.
var peers = map[string]struct {
	program string
	args    []string
}{
	"centrifuge":        {"centrifuge", nil},
	"centrifuge-delay":  {"centrifuge", []string{"-write-delay", "5ms", "-messages-a-frame", "-1"}},
	"rawwrite":          {"rawwrite", nil},
	"rawwrite-together": {"rawwrite", []string{"-merge"}},
}

// target is a server under load.
type target struct {
	name    string // parley, or of a peer
	addr    string
	dialect load.Dialect
	process *proc.Process // nil: unknown
	others  []*target     // the other nodes of a cluster
	stop    func() error
}

// usage returns the usage of all nodes.
func (t *target) usage() (proc.Usage, error) {
	if t.process == nil {
		return proc.Usage{}, nil
	}
	sum, err := t.process.Usage()
	for _, o := range t.others {
		one, failed := o.process.Usage()
		sum, err = sum.Add(one), errors.Join(err, failed)
	}
	return sum, err
}

// garage makes servers, one for each run.
type garage struct {
	source   string // the root of the project
	dir      string // for all files
	settings []string
	url      string // of a running server; empty: each run starts its own
	pid      int
	keys     *jwt.DevKeys
	postgres string
	sink     *httptest.Server // receives traces; nil: not needed yet
	remove   func() error     // ends the PostgreSQL that start has started; may be nil

	builds map[string]string // program → its path
	signed sync.Map          // user → token
	number int
}

// close removes all that was made.
func (g *garage) close() error {
	if g.sink != nil {
		g.sink.Close()
	}
	if g.remove != nil {
		return errors.Join(g.remove(), os.RemoveAll(g.dir))
	}
	return os.RemoveAll(g.dir)
}

// start starts a server by name: a Parley with a store, and with all nodes of a cluster.
func (g *garage) start(ctx context.Context, name, store string, c cluster) (*target, error) {
	if g.url != "" {
		return g.attach(name)
	}
	g.number++
	dir := filepath.Join(g.dir, fmt.Sprint("run-", g.number))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	var spec proc.Spec
	var dialect load.Dialect
	var err error
	if isParley(name) {
		spec, err = g.parley(ctx, name, store, dir)
		dialect = load.Parley{Token: g.token}
	} else {
		spec, dialect, err = g.peer(ctx, name)
	}
	if err != nil {
		return nil, err
	}
	if c.nodes > 0 {
		return g.startCluster(ctx, name, spec, dialect, dir, c)
	}
	return g.startOne(ctx, name, spec, dialect, dir)
}

// startOne starts a server in a folder of its own, which is removed with it.
func (g *garage) startOne(ctx context.Context, name string, spec proc.Spec, dialect load.Dialect, dir string) (*target, error) {
	addr, err := freeaddr.Find()
	if err != nil {
		return nil, err
	}
	t := &target{name: name, addr: addr, dialect: dialect}
	spec.Dir = dir
	if isParley(name) {
		spec.Env = append(slices.Clone(spec.Env), "PARLEY_HTTP_ADDR="+addr)
	} else {
		spec.Args = append([]string{"-addr", addr}, spec.Args...)
	}
	if t.process, err = proc.Start(ctx, spec); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	t.stop = func() error { return errors.Join(t.process.Stop(), os.RemoveAll(dir)) }
	if err := t.await(ctx); err != nil {
		return nil, errors.Join(err, t.stop())
	}
	return t, nil
}

// parley returns how to start a Parley, without its address.
func (g *garage) parley(ctx context.Context, name, store, dir string) (spec proc.Spec, err error) {
	if spec.Path, err = g.build(ctx, "parley", g.source, "./cmd/parley"); err != nil {
		return spec, err
	}
	storeURL, err := g.storeURL(ctx, store, dir)
	spec.Args = []string{"serve"}
	spec.Env = append(append(g.environ(), g.way(name)...), "PARLEY_STORE_URL="+storeURL)
	return spec, err
}

// peer returns how to start a peer, without its address.
func (g *garage) peer(ctx context.Context, name string) (spec proc.Spec, dialect load.Dialect, err error) {
	p, ok := peers[name]
	if !ok {
		return spec, nil, fmt.Errorf("there is no server %q", name)
	}
	spec.Path, err = g.build(ctx, p.program, filepath.Join(g.source, "cmd", "bench", "peers"), "./"+p.program)
	spec.Args = p.args
	dialect = load.RawWrite{}
	if p.program == "centrifuge" {
		spec.Args = append(slices.Clone(p.args), "-key", g.keyFile())
		dialect = load.Centrifuge{Token: g.token}
	}
	return spec, dialect, err
}

func (g *garage) attach(name string) (*target, error) {
	t := &target{name: name, addr: strings.TrimPrefix(strings.TrimPrefix(g.url, "http://"), "ws://"), stop: func() error { return nil }}
	t.dialect = load.Parley{Token: g.token}
	if g.pid > 0 {
		p, err := proc.Attach(g.pid)
		if err != nil {
			return nil, err
		}
		t.process = p
	}
	return t, nil
}

// environ returns the settings of a Parley: its own folder for keys, a local address, and no
// limits.
func (g *garage) environ() []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "PARLEY_") {
			env = append(env, v)
		}
	}
	env = append(env, "PARLEY_ADMIN_ADDR=127.0.0.1:0", "PARLEY_DATA_DIR="+g.dir, "PARLEY_LOG_LEVEL=error", "PARLEY_DRAIN=1ms",
		"PARLEY_RATE_LIMIT=off", "PARLEY_SESSIONS_PER_USER=0") // earlier releases have these settings too
	return append(env, g.settings...)
}

// way returns the settings of a name. Traces are sent to this process, which drops them.
func (g *garage) way(name string) []string {
	settings := ways[name]
	if len(settings) == 0 || !strings.HasPrefix(settings[0], "OTEL_") {
		return settings
	}
	if g.sink == nil {
		g.sink = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	}
	return append(slices.Clone(settings), "OTEL_EXPORTER_OTLP_ENDPOINT="+g.sink.URL)
}

// keyFile returns the path of the tokens' key pair.
func (g *garage) keyFile() string { return filepath.Join(g.dir, jwt.DevKeyFile) }

// storeURL makes an empty store.
func (g *garage) storeURL(ctx context.Context, store, dir string) (string, error) {
	if strings.Contains(store, "://") {
		return store, nil // it is there
	}
	switch store {
	case "memory":
		return "memory://", nil
	case "sqlite":
		return "sqlite://" + filepath.Join(dir, "bench.db"), nil
	case "postgres":
	default:
		return "", fmt.Errorf("there is no store %q: memory, sqlite or postgres", store)
	}
	if g.postgres == "" {
		server, remove, err := pgtest.Run(pgtest.Durable(), pgtest.With("shared_buffers", "128MB"))
		if err != nil {
			return "", err
		}
		g.postgres, g.remove = server, remove
	}
	cfg, err := pgx.ParseConfig(g.postgres)
	if err != nil {
		return "", err
	}
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return "", fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	defer conn.Close(ctx)
	name := fmt.Sprintf("parley_bench_%d_%d", os.Getpid(), g.number)
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+name); err != nil {
		return "", fmt.Errorf("make a database: %w", err)
	}
	u, err := url.Parse(g.postgres)
	if err != nil {
		return "", fmt.Errorf("the URL of PostgreSQL: %w", err)
	}
	u.Path = "/" + name
	return u.String(), nil
}

// await waits until the server accepts connections.
func (t *target) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		err := t.ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w", t.name, err)
		case <-t.process.Exited():
			return fmt.Errorf("%s has ended: %s", t.name, t.process.Output())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (t *target) ready(ctx context.Context) error {
	if !isParley(t.name) {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", t.addr)
		if err != nil {
			return err
		}
		return conn.Close()
	}
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+t.addr+"/readyz", nil)
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

// build builds a program once, from the present source, with the flags of a release.
func (g *garage) build(ctx context.Context, name, dir, pkg string) (string, error) {
	if path := g.builds[name]; path != "" {
		return path, nil
	}
	path := filepath.Join(g.dir, name)
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", path, pkg) //nolint:gosec // one of our programs
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build %s: %w\n%s", pkg, err, out)
	}
	g.builds[name] = path
	return path, nil
}

// token returns a user's token, the same for all runs.
func (g *garage) token(user string) string {
	if t, ok := g.signed.Load(user); ok {
		return t.(string) //nolint:forcetypeassert // there is nothing else in it
	}
	t, err := g.keys.Sign(jwt.Grant{Subject: user, TTL: 24 * time.Hour})
	if err != nil {
		panic(err) // it cannot fail with a new key
	}
	g.signed.Store(user, t)
	return t
}

// sign makes the tokens of the first n users, on all cores, because it takes longer than anything
// else.
func (g *garage) sign(n int) {
	var wg sync.WaitGroup
	const at = 8
	for k := range at {
		wg.Go(func() {
			for i := k; i < n; i += at {
				g.token(user(i))
			}
		})
	}
	wg.Wait()
}
