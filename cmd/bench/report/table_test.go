package report_test

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/parley-chat/parley/cmd/bench/report"
)

func table(t *testing.T, r *report.Report) string {
	t.Helper()
	return string(written(t, func(b *bytes.Buffer) error { return r.WriteTable(b) }))
}

func TestTable(t *testing.T) {
	t.Parallel()
	golden(t, "report.txt", []byte(table(t, sample())))
}

// rows returns the rows of a report's table that have all of these cells, without the headings.
func rows(t *testing.T, r *report.Report, having ...string) (list [][]string) {
	t.Helper()
	gap := regexp.MustCompile(` {2,}`)
	for line := range strings.Lines(table(t, r)) {
		cells := gap.Split(strings.TrimSpace(line), -1)
		if !slices.ContainsFunc(having, func(s string) bool { return !slices.Contains(cells, s) }) {
			list = append(list, cells)
		}
	}
	if len(list) == 0 {
		t.Fatalf("no row has %q in\n%s", having, table(t, r))
	}
	return list
}

func TestARowIsTheMedianTheSpreadAndTheRatio(t *testing.T) {
	t.Parallel()
	head, row := rows(t, sample(), "runs", "deliveries/s")[0], rows(t, sample(), "1000", "parley/sqlite")[0]
	want := []string{"1000", "16", "parley/sqlite", "3", "2.30 M", "2.20 M–2.40 M", "×3.43", "0.390", "0.380–0.410", "×0.190"}
	if len(head) != len(row) || !slices.Equal(row, want) {
		t.Errorf("got %q under %q, want %q", row, head, want)
	}
}

func TestRunsThatFailedCountForNothingAndAreNamed(t *testing.T) {
	t.Parallel()
	of := rows(t, sample(), "1000", "rawwrite")
	// The failed run's measures are larger than all others; its checks are shown anyway.
	if row, want := of[0], []string{"1000", "16", "rawwrite", "1 of 2", "900 k", "–", "×1.34"}; !slices.Equal(row[:len(want)], want) {
		t.Errorf("got %q, want %q", row, want)
	}
	if last := of[len(of)-1]; last[len(last)-1] != "2" {
		t.Errorf("lost: got %s, want 2", last[len(last)-1])
	}
	for _, failure := range []string{
		"fan-out readers=1000 window=16 rawwrite #2: of 9000 entries 2 did not come",
		"rate readers=1000 rate=1000 centrifuge #1: not all that was sent arrived within 15s",
	} {
		if text := table(t, sample()); !strings.Contains(text, failure) {
			t.Errorf("nothing says %q in\n%s", failure, text)
		}
	}
}

func TestLatenciesBeyondTheHistogramAreToldOf(t *testing.T) {
	t.Parallel()
	r := &report.Report{Results: []report.Result{rate("parley/sqlite", "200", time.Second, time.Minute)}}
	r.Results[0].Latency.Above = 3
	if text, want := table(t, r), "of 1000 latencies 3 were longer than 1m0s"; !strings.Contains(text, want) {
		t.Errorf("nothing says %q in\n%s", want, text)
	}
}

func TestWhereTheBaseDidNotRunTheFirstServerIsIt(t *testing.T) {
	t.Parallel()
	r := &report.Report{Base: "centrifuge"}
	for i, server := range []string{"parley/memory", "parley/sqlite"} {
		r.Results = append(r.Results, fanOut(server, "1000", 1, float64(8-4*i)*1e5, 1, time.Second, time.Second))
	}
	for server, want := range map[string][]string{"parley/memory": {"800 k", "×1"}, "parley/sqlite": {"400 k", "×0.500"}} {
		if got := rows(t, r, server)[0][4:6]; !slices.Equal(got, want) {
			t.Errorf("%s: got %s, want %s", server, got, want)
		}
	}
}

func TestOneServerHasNoRatioAndOneRunNoSpread(t *testing.T) {
	t.Parallel()
	r := &report.Report{Results: []report.Result{fanOut("parley/sqlite", "1000", 1, 1e6, 1, time.Second, time.Second)}}
	for _, head := range []string{"ratio", "min–max"} {
		if text := strings.SplitN(table(t, r), "\n\n", 2)[1]; strings.Contains(text, head) {
			t.Errorf("there is a column %q in\n%s", head, text)
		}
	}
}

func TestTableGoesOnBelowWhenItIsTooWide(t *testing.T) {
	t.Parallel()
	r := &report.Report{}
	for repetition := range 2 {
		for _, server := range []string{"parley/sqlite", "centrifuge"} {
			result := fanOut(server, "1000", repetition+1, 1e6, 1, time.Second, time.Second)
			for i := range 20 {
				result.Measures = append(result.Measures, report.Measure{Name: fmt.Sprintf("measure %02d", i), Value: float64(i)})
			}
			r.Results = append(r.Results, result)
		}
	}
	text := table(t, r)
	for line := range strings.Lines(text) {
		if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 160 {
			t.Errorf("a line has %d characters: %s", n, line)
		}
	}
	for i := range 20 {
		if n := strings.Count(text, fmt.Sprintf("measure %02d", i)); n != 1 {
			t.Errorf("measure %d has %d columns", i, n)
		}
	}
	// A spread or a ratio never comes first: each is next to its figure.
	for head := range strings.Lines(text) {
		if regexp.MustCompile(`^ +readers +window +server +runs +(min–max|ratio)`).MatchString(head) {
			t.Errorf("a block begins in the middle of a figure: %s", head)
		}
	}
	if n := strings.Count(text, "readers  window  server"); n < 3 {
		t.Errorf("there are %d blocks, want some", n)
	}
}

func TestAnEmptyReportIsOne(t *testing.T) {
	t.Parallel()
	r := &report.Report{Version: "v1", Base: "centrifuge"}
	if text := table(t, r); !strings.HasPrefix(text, "Parley v1, ") {
		t.Errorf("got %q", text)
	}
	if text := string(written(t, func(b *bytes.Buffer) error { return r.WriteJSON(b) })); !strings.Contains(text, `"results": []`) {
		t.Errorf("got %s", text)
	}
}

// full is a writer like a full disk.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

var errFull = errors.New("no space left")

func TestWritersSayWhenTheyCannotWrite(t *testing.T) {
	t.Parallel()
	r := sample()
	for name, err := range map[string]error{
		"WriteJSON": r.WriteJSON(full{}), "WriteTable": r.WriteTable(full{}),
	} {
		if !errors.Is(err, errFull) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
