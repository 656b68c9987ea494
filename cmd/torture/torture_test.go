package torture

import (
	"cmp"
	"context"
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
		faults []string
	}{
		{"nats", FaultKinds},
		{"redis", []string{"kill", "bus", "clients"}},
		{"postgres", []string{"kill", "bus", "store"}},
		{"none", []string{"pause", "drain", "clients"}},
	} {
		t.Run(c.bus, func(t *testing.T) {
			if v := runs(t, Config{Seed: time.Now().UnixNano() % 1e6, Bus: c.bus, Time: 5 * time.Second, Faults: c.faults}); !v.Pass() {
				t.Error("a promise was not kept")
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

// TestBugsAreFound runs the checker on services with a bug.
func TestBugsAreFound(t *testing.T) { //nolint:paralleltest // after the others: a run needs the whole machine
	for _, c := range []struct {
		bug    string
		faults []string
		rules  []history.Rule // one of which must be broken
	}{
		{"ack-early", []string{"kill"}, []history.Rule{history.AckedStore}},
		{"forget-key", []string{"kill"}, []history.Rule{history.StoredOnce}},
		{"skip", nil, []history.Rule{history.NoGap}},
		{"double", nil, []history.Rule{history.Once}},
		{"reorder", nil, []history.Rule{history.NoGap, history.Once}},
	} {
		t.Run(c.bug, func(t *testing.T) {
			t.Parallel() // these runs are small
			v := runs(t, Config{
				Seed: 3, Nodes: 2, Bus: "none", Time: 3 * time.Second, Rooms: 2, Writers: 4, Readers: 2, Faults: c.faults, Parley: "planted",
				Settings: []string{"PLANTED=" + c.bug},
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
	cfg.Faults = []string{"clients"}
	if faults := plan(cfg); len(faults) > 0 {
		t.Errorf("crashing clients break %v", faults)
	}
}

func TestRunsThatMakeNoSenseAreRefused(t *testing.T) {
	t.Parallel()
	for _, cfg := range []Config{{Nodes: -1}, {Bus: "kafka"}, {Faults: []string{"meteor"}}} {
		cfg.Out = filepath.Join(t.TempDir(), "history")
		if _, err := Run(t.Context(), cfg); err == nil {
			t.Errorf("%+v is taken", cfg)
		}
	}
}
