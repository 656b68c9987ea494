package torture

import (
	"cmp"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/cmd/torture/history"
)

// programs builds the service, without and with planted bugs, once for all tests of the process.
var programs = sync.OnceValues(func() (dir string, err error) {
	source, err := findSource()
	if err != nil {
		return "", err
	}
	if dir, err = os.MkdirTemp("", "parley-torture-test-"); err != nil {
		return "", err
	}
	built = dir
	_, err = build(context.Background(), source, "./cmd/parley", filepath.Join(dir, "parley"))
	if err == nil {
		_, err = build(context.Background(), source, "./cmd/torture/planted", filepath.Join(dir, "planted"))
	}
	return dir, err
})

var built string // folder of the programs; removed by TestMain

func TestMain(m *testing.M) {
	code := m.Run()
	if built != "" {
		os.RemoveAll(built)
	}
	os.Exit(code)
}

// runs makes a run in a folder of its own, with the service unless cfg names another program.
func runs(t *testing.T, cfg Config) history.Verdict {
	t.Helper()
	dir, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	cfg.Parley = filepath.Join(dir, cmp.Or(cfg.Parley, "parley"))
	var log strings.Builder
	cfg.Out, cfg.Log = filepath.Join(t.TempDir(), "history.jsonl"), &log
	v, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	v.WriteTo(&log)
	t.Log(log.String())
	return v
}

// TestEveryPromiseIsKept is a short form of the run whose result is in the documents.
func TestEveryPromiseIsKept(t *testing.T) { //nolint:paralleltest // a run needs the whole machine
	for _, c := range []struct {
		bus    string
		hooks  int
		faults []string
	}{
		{"nats", 3, FaultKinds},
		{"redis", 0, []string{"kill", "bus", "clients"}},
		{"postgres", 0, []string{"kill", "bus", "store"}},
		{"none", 0, []string{"pause", "drain", "clients"}},
	} {
		t.Run(c.bus, func(t *testing.T) {
			v := runs(t, Config{Seed: time.Now().UnixNano() % 1e6, Bus: c.bus, Hooks: c.hooks, Time: 5 * time.Second, Faults: c.faults})
			if !v.Pass() || v.Hooks != c.hooks {
				t.Errorf("a promise was not kept; %d webhooks", v.Hooks)
			}
		})
	}
}

// TestARollingRestartFailsNoSend drains and restarts the nodes under load: clients that try again
// succeed, and all readers get all entries.
func TestARollingRestartFailsNoSend(t *testing.T) { //nolint:paralleltest // a run needs the whole machine
	v := runs(t, Config{Seed: 1, Bus: "nats", Time: 8 * time.Second, Faults: []string{"drain"}})
	if !v.Pass() || v.Faults < 2 {
		t.Errorf("%d restarts", v.Faults)
	}
}

// TestEveryPromiseIsKeptOnSeveralStores restarts either PostgreSQL of two; rooms are on both.
func TestEveryPromiseIsKeptOnSeveralStores(t *testing.T) { //nolint:paralleltest // a run needs the whole machine
	v := runs(t, Config{Seed: time.Now().UnixNano() % 1e6, Stores: 2, Rooms: 8, Hooks: 1, Time: 8 * time.Second, Faults: []string{"kill", "store"}})
	if !v.Pass() || v.Hooks != 1 {
		t.Errorf("a promise was not kept; %d webhooks", v.Hooks)
	}
}

// TestEveryPromiseIsKeptWhileStoresAreAdded has one PostgreSQL become two under load, and the nodes
// learn of it; nodes and servers are killed before and after.
func TestEveryPromiseIsKeptWhileStoresAreAdded(t *testing.T) { //nolint:paralleltest // a run needs the whole machine
	v := runs(t, Config{Seed: time.Now().UnixNano() % 1e6, Grow: true, Rooms: 8, Hooks: 1, Time: 20 * time.Second, Faults: []string{"kill", "store"}})
	if !v.Pass() || v.Hooks != 1 {
		t.Errorf("a promise was not kept; %d webhooks", v.Hooks)
	}
}

// TestEveryPromiseIsKeptWithDistributedTables speaks to PostgreSQL as to an engine that distributes
// its tables.
func TestEveryPromiseIsKeptWithDistributedTables(t *testing.T) { //nolint:paralleltest // a run needs the whole machine
	v := runs(t, Config{Seed: time.Now().UnixNano() % 1e6, Distributed: true, Rooms: 8, Hooks: 1, Time: 8 * time.Second, Faults: []string{"kill", "store"}})
	if !v.Pass() || v.Hooks != 1 {
		t.Errorf("a promise was not kept; %d webhooks", v.Hooks)
	}
}

// busy is a seed by which the first webhook answers 429 and 503 from the first second to the third.
const busy = 25

// TestBugsAreFound runs the checker on services with a bug.
func TestBugsAreFound(t *testing.T) { //nolint:paralleltest // after the others: a run needs the whole machine
	for _, c := range []struct {
		bug    string
		seed   int64
		hooks  int
		faults []string
		rules  []history.Rule // one of which must be broken
	}{
		{"ack-early", 3, 0, []string{"kill"}, []history.Rule{history.AckedStore}},
		{"forget-key", 3, 0, []string{"kill"}, []history.Rule{history.StoredOnce}},
		{"skip", 3, 0, nil, []history.Rule{history.NoGap}},
		{"double", 3, 0, nil, []history.Rule{history.Once}},
		{"reorder", 3, 0, nil, []history.Rule{history.NoGap, history.Once}},
		{"move-early", busy, 1, []string{"hooks"}, []history.Rule{history.HookOrder}},
		{"loose-bounds", busy, 1, []string{"hooks"}, []history.Rule{history.HookBounds}},
	} {
		t.Run(c.bug, func(t *testing.T) {
			t.Parallel() // these runs are small
			v := runs(t, Config{
				Seed: c.seed, Nodes: 2, Bus: "none", Time: 3 * time.Second, Rooms: 2, Writers: 4, Readers: 2, Hooks: c.hooks, Faults: c.faults,
				Parley: "planted", Settings: []string{"PLANTED=" + c.bug},
			})
			if !slices.ContainsFunc(c.rules, func(r history.Rule) bool { return v.Broken[r] > 0 }) {
				t.Errorf("found %v", v.Broken)
			}
		})
	}
}

func TestTheSameSeedBreaksTheSame(t *testing.T) {
	t.Parallel()
	cfg := Config{Seed: 5, Nodes: 3, Bus: "nats", Time: time.Minute, Faults: FaultKinds}
	first := plan(cfg)
	if !slices.Equal(first, plan(cfg)) {
		t.Error("a plan is not the same twice")
	}
	kinds := map[string]bool{}
	for _, f := range first {
		what, _, _ := strings.Cut(f.what, " ")
		kinds[what] = true
	}
	if len(kinds) < 5 {
		t.Errorf("a minute breaks %v only", kinds)
	}
	cfg.Seed = 6
	if slices.Equal(first, plan(cfg)) {
		t.Error("another seed breaks the same")
	}
	cfg.Hooks, cfg.Time = 3, long
	is := func(fits func(fault) bool) bool { return slices.ContainsFunc(plan(cfg), fits) }
	if !is(func(f fault) bool { return f.what == killAnswered }) || !is(func(f fault) bool { return f.hold > 16*time.Second }) {
		t.Error("with webhooks, a long run kills no nodes as one answers, or is silent for too short a time")
	}
	cfg.Faults = []string{"clients"}
	if faults := plan(cfg); len(faults) > 0 {
		t.Errorf("crashing clients break %v", faults)
	}
}

// TestReceiversMisbehaveInAllWays holds busy to what it says, and that no mood is never tried.
func TestReceiversMisbehaveInAllWays(t *testing.T) {
	t.Parallel()
	cfg, seen := Config{Seed: busy, Time: 3 * time.Second}, map[string]bool{}
	first := newTemper(cfg, 0)
	if begins, m := first.rest(0), first.mood(cfg); m.what != "busy" || begins > 1500*time.Millisecond || begins+m.holds < 3*time.Second {
		t.Errorf("after %v it is %s for %v", begins, m.what, m.holds)
	}
	for hook := range 3 {
		temper := newTemper(Config{Seed: 1, Time: 5 * time.Minute}, hook)
		for range 40 {
			m := temper.mood(Config{Time: 5 * time.Minute})
			seen[m.what] = true
			if m.holds <= 0 || m.holds > 75*time.Second || m.holds > 3*time.Second && m.what != "away" {
				t.Errorf("%s for %v", m.what, m.holds)
			}
		}
	}
	if len(seen) != len(moods) {
		t.Errorf("they do %v only", seen)
	}
}

func TestRequestsAreSignedAsStandardWebhooksSays(t *testing.T) {
	t.Parallel()
	// The example of the specification.
	secret, err := readSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	header, body := http.Header{}, []byte(`{"test": 2432232314}`)
	header.Set("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek")
	header.Set("webhook-timestamp", "1614265330")
	header.Set("webhook-signature", "v1,bm9ldHUjKzFob2VudXRob2VodWUzMjRvdWVvdW9ldQo= v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
	at := time.Unix(1614265330, 0)
	if !signed(secret, header, body, at) {
		t.Error("the example is not taken")
	}
	if signed(secret, header, []byte("{}"), at) || signed([]byte("other"), header, body, at) || signed(secret, header, body, at.Add(time.Hour)) {
		t.Error("another body, secret or time is taken")
	}
}

func TestRunsThatMakeNoSenseAreRefused(t *testing.T) {
	t.Parallel()
	for _, cfg := range []Config{{Nodes: -1}, {Bus: "kafka"}, {Hooks: 11}, {Faults: []string{"meteor"}}} {
		cfg.Out = filepath.Join(t.TempDir(), "history")
		if _, err := Run(t.Context(), cfg); err == nil {
			t.Errorf("%+v is taken", cfg)
		}
	}
}
