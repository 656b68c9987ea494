package report_test

import (
	"bytes"
	"flag"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/cmd/bench/report"
)

var update = flag.Bool("update", false, "write testdata anew")

// golden compares got with a file of testdata, byte for byte.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v: run go test -update", err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("differs from %s (go test -update writes it anew); got:\n%s", path, got)
	}
}

func written(t *testing.T, write func(*bytes.Buffer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func params(namesAndValues ...string) (list []report.Param) {
	for i := 0; i < len(namesAndValues); i += 2 {
		list = append(list, report.Param{Name: namesAndValues[i], Value: namesAndValues[i+1]})
	}
	return list
}

func latency(p50, p99 time.Duration) *report.Summary {
	return &report.Summary{Count: 1000, P50: p50, P90: (p50 + p99) / 2, P99: p99, P999: p99 * 2, Max: p99 * 3, Mean: p50 + p50/10}
}

// fanOut is a successful run.
func fanOut(server string, readers string, repetition int, deliveries, cpu float64, p50, p99 time.Duration) report.Result {
	return report.Result{
		Server: server, Scenario: "fan-out", Params: params("readers", readers, "window", "16"), Repetition: repetition,
		Measures: []report.Measure{
			{Name: "deliveries", Unit: "/s", Value: deliveries},
			{Name: "server CPU", Unit: "s/M deliveries", Value: cpu},
			{Name: "server CPU", Unit: "cores", Value: deliveries * cpu / 1e6},
		},
		Latency: latency(p50, p99), Checks: report.Checks{Entries: int64(deliveries * 5)},
	}
}

func rate(server, messages string, p50, p99 time.Duration) report.Result {
	r := report.Result{Server: server, Scenario: "rate", Params: params("readers", "1000", "rate", messages), Repetition: 1}
	if p99 == 0 {
		r.Error = "not all that was sent arrived\nwithin 15s"
	} else {
		r.Latency, r.Checks.Entries = latency(p50, p99), 5000
	}
	return r
}

// sample is a report with all kinds of results.
func sample() *report.Report {
	const ms = time.Millisecond
	wrong := fanOut("rawwrite", "1000", 2, 9e9, 0.001, ms, ms)
	wrong.Error = "of 9000 entries 2 did not come"
	wrong.Checks.Lost = 2
	return &report.Report{
		At: time.Date(2026, 9, 20, 12, 34, 56, 0, time.UTC), Version: "v1.2.3", Command: []string{"parley-bench", "-repeat=3", "-run=fan|idle"},
		Machine: report.Machine{
			CPU: "AMD EPYC", Cores: 2, GOMAXPROCS: 2, Memory: 24_684_096 << 10, OS: "Debian GNU/Linux 12 (bookworm)", Kernel: "Linux 6.18.44",
			Go: "go1.26.8 linux/amd64",
		},
		Base: "centrifuge",
		Results: []report.Result{
			fanOut("parley/sqlite", "1000", 1, 2.4e6, 0.38, 5*ms, 11*ms),
			fanOut("centrifuge", "1000", 1, 0.68e6, 2, 20*ms, 44*ms),
			fanOut("rawwrite", "1000", 1, 0.9e6, 0.5, 9*ms, 12*ms),
			fanOut("parley/sqlite", "1000", 2, 2.2e6, 0.41, 6*ms, 12*ms),
			fanOut("centrifuge", "1000", 2, 0.66e6, 2.1, 21*ms, 41*ms),
			wrong,
			fanOut("parley/sqlite", "1000", 3, 2.3e6, 0.39, 5*ms, 13*ms),
			fanOut("parley/sqlite", "5000", 1, 2.8e6, 0.35, 30*ms, 52*ms),
			{
				Server: "parley/sqlite", Scenario: "idle", Params: params("sockets", "20000"), Repetition: 1,
				Measures: []report.Measure{
					{Name: "memory", Unit: "bytes/socket", Value: 1843},
					{Name: "connects", Unit: "/s", Value: 13_400},
					{Name: "writes", Unit: "/connect", Value: math.NaN()},
				},
				Checks: report.Checks{Entries: 20_001},
			},
			rate("parley/sqlite", "200", 2*ms, 30*ms),
			rate("centrifuge", "200", 22*ms, 150*ms),
			rate("parley/sqlite", "1000", 4*ms, 50*ms),
			rate("centrifuge", "1000", 0, 0),
			rate("parley/sqlite", "500", 3*ms, 38*ms),
			rate("centrifuge", "500", 2100*ms, 6*time.Second),
		},
	}
}

func TestJSONStaysAsItIs(t *testing.T) {
	t.Parallel()
	golden(t, "report.json", written(t, func(b *bytes.Buffer) error { return sample().WriteJSON(b) }))
}

func TestJSONComesBackAsItWas(t *testing.T) {
	t.Parallel()
	first := written(t, func(b *bytes.Buffer) error { return sample().WriteJSON(b) })
	read, err := report.ReadJSON(bytes.NewReader(first))
	if err != nil {
		t.Fatal(err)
	}
	if second := written(t, func(b *bytes.Buffer) error { return read.WriteJSON(b) }); !bytes.Equal(first, second) {
		t.Errorf("written again it is\n%s\nit was\n%s", second, first)
	}
	// Rules that the JSON itself does not show.
	want := sample()
	if !read.At.Equal(want.At) || read.Machine != want.Machine || len(read.Results) != len(want.Results) {
		t.Errorf("got %+v", read)
	}
	if got := read.Results[8].Measures[2]; !math.IsNaN(got.Value) || got.Name != "writes" {
		t.Errorf("what was no number is %+v", got)
	}
	if got, want := *read.Results[0].Latency, *want.Results[0].Latency; got != want {
		t.Errorf("latency is %+v, want %+v", got, want)
	}
}

func TestReadJSONRefuses(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]struct{ text, want string }{
		"nothing":             {"", "EOF"},
		"no JSON":             {"deliveries/s 2.31 M", "invalid character"},
		"half of one":         {`{"format":"parley-bench/1","results":[`, "unexpected EOF"},
		"another format":      {`{"format":"parley-bench/2","results":[]}`, `"parley-bench/2"`},
		"no format":           {`{"results":[]}`, `its format is ""`},
		"another type":        {`{"format":"parley-bench/1","results":{}}`, "cannot unmarshal"},
		"two":                 {`{"format":"parley-bench/1"}{"format":"parley-bench/1"}`, "follows"},
		"a value as a string": {`{"format":"parley-bench/1","results":[{"measures":[{"value":"1"}]}]}`, "cannot unmarshal"},
	} {
		if _, err := report.ReadJSON(strings.NewReader(r.text)); err == nil || !strings.Contains(err.Error(), r.want) {
			t.Errorf("%s: got error %v, want one with %q", name, err, r.want)
		}
	}
}

func TestReadJSONOverlooksFieldsOfLaterVersions(t *testing.T) {
	t.Parallel()
	got, err := report.ReadJSON(strings.NewReader(`{"format":"parley-bench/1","new":1,"results":[{"server":"a","newer":{}}]}` + "\n"))
	if err != nil || got.Results[0].Server != "a" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestNewSaysWhenAndWith(t *testing.T) {
	t.Parallel()
	before := time.Now().Truncate(time.Second)
	got := report.New()
	if got.At.Before(before) || got.At.After(time.Now()) || got.At.Location() != time.UTC {
		t.Errorf("at is %v", got.At)
	}
	if got.Version == "" || len(got.Command) != len(os.Args) || strings.Contains(got.Command[0], string(filepath.Separator)) {
		t.Errorf("version %q, command %q", got.Version, got.Command)
	}
}

func TestLineTellsOneRun(t *testing.T) {
	t.Parallel()
	s := sample()
	for i, want := range map[int]string{
		0: "fan-out readers=1000 window=16 parley/sqlite #1: deliveries/s 2.40 M, server CPU (s/M deliveries) 0.380, " +
			"server CPU (cores) 0.912, p50 5.00 ms, p99 11.0 ms, max 33.0 ms, 12.0 M entries checked",
		5:  "fan-out readers=1000 window=16 rawwrite #2: FAILED: of 9000 entries 2 did not come",
		8:  "idle sockets=20000 parley/sqlite #1: memory/socket 1.80 KiB, connects/s 13.4 k, writes/connect –, 20.0 k entries checked",
		12: "rate readers=1000 rate=1000 centrifuge #1: FAILED: not all that was sent arrived within 15s",
	} {
		if got := s.Results[i].Line(); got != want {
			t.Errorf("result %d:\ngot  %s\nwant %s", i, got, want)
		}
	}
}
