//go:build linux || darwin

package bench_test

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/parley-chat/parley/cmd/bench"
	"github.com/parley-chat/parley/cmd/bench/report"
)

// TestTheRealServersAreMeasured builds Parley and its peers, and loads each for a short time. The
// command fails if a reader does not get each entry once and in order.
func TestTheRealServersAreMeasured(t *testing.T) {
	t.Parallel()
	servers := "parley,centrifuge"
	if runtime.GOOS == "linux" {
		servers += ",rawwrite"
	}
	for _, test := range []struct {
		args, want []string
	}{
		{
			[]string{"-run", "^fan-out/readers=100/window=16$", "-servers", servers, "-stores", "memory,sqlite"},
			append(strings.Split(strings.TrimPrefix(servers, "parley,"), ","), "parley/memory", "parley/sqlite"),
		},
		{
			[]string{"-run", "^fan-out/readers=100/window=16$", "-servers", "parley-unseen,parley-traced", "-stores", "memory"},
			[]string{"parley-traced/memory", "parley-unseen/memory"},
		},
		{[]string{"-run", "^slow/.*=1%|^storm/.*history=50$"}, []string{"parley/sqlite", "parley/sqlite"}},
		{
			[]string{"-run", "^consumers/store=memory/senders=256$"},
			[]string{"parley/memory", "parley/memory, 3 busy webhooks", "parley/memory, 3 idle webhooks"},
		},
	} {
		ran := measured(t, append(test.args, "-time", "200ms")...)
		slices.Sort(test.want)
		if slices.Sort(ran); !slices.Equal(ran, test.want) {
			t.Errorf("%q ran on %q, want %q", test.args, ran, test.want)
		}
	}
}

// measured runs the command, which must pass, and returns the server of each run.
func measured(t *testing.T, args ...string) (ran []string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "out.json")
	var out, errOut bytes.Buffer
	if code := bench.Run(t.Context(), append(args, "-json", file), &out, &errOut); code != 0 {
		t.Fatalf("%q: exit code %d\n%s\n%s", args, code, &out, &errOut)
	}
	in, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	rep, err := report.ReadJSON(in)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rep.Results {
		ran = append(ran, r.Server)
		if r.Error != "" || r.Checks.Entries == 0 || r.Latency == nil || r.Latency.Count == 0 {
			t.Errorf("%s on %s: %+v", r.Scenario, r.Server, r)
		}
	}
	return ran
}

func TestArgumentsThatMakeNoSense(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"-run (":                    "-run",
		"-run nothing-has-this":     "no case",
		"-servers ejabberd":         "ejabberd",
		"-stores oracle":            "oracle",
		"-time 1ns":                 "-time",
		"-repeat 0":                 "-repeat",
		"-body 3":                   "-body",
		"-url 127.0.0.1:1":          "-keys",
		"stray":                     "stray",
		"-source /dev -run fan-out": "source",
	} {
		var out, errOut bytes.Buffer
		if code := bench.Run(t.Context(), strings.Fields(args), &out, &errOut); code == 0 {
			t.Errorf("%q: exit code 0", args)
		}
		if !strings.Contains(errOut.String(), want) {
			t.Errorf("%q: it says %q, which does not name %q", args, &errOut, want)
		}
	}
}

func TestTheCasesAreListed(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if code := bench.Run(t.Context(), []string{"-list", "-run", "fan-out"}, &out, &out); code != 0 || !strings.Contains(out.String(), "fan-out/readers=1000/window=16\n") {
		t.Errorf("exit code %d: %s", code, &out)
	}
}

// TestServersGetTheirShare measures one to three PostgreSQL servers that are held, or says what is
// missing.
func TestServersGetTheirShare(t *testing.T) {
	t.Parallel()
	var out, errOut bytes.Buffer
	code := bench.Run(t.Context(), []string{"-run", "^servers/", "-time", "200ms"}, &out, &errOut)
	if code != 0 && !strings.Contains(errOut.String(), "which takes Linux and a right to make control groups") {
		t.Errorf("exit code %d\n%s", code, &errOut)
	}
	if code == 0 && !strings.Contains(out.String(), "servers: 3") {
		t.Errorf("it measured\n%s", &out)
	}
	left, err := filepath.Glob("/sys/fs/cgroup/*/parley-bench-" + strconv.Itoa(os.Getpid()) + "-*")
	if err != nil || len(left) > 0 {
		t.Errorf("it leaves %q, %v", left, err)
	}
}
