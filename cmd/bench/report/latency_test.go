package report_test

import (
	"testing"
	"time"

	"github.com/parley-chat/parley/cmd/bench/report"
)

func TestLatencySumsUp(t *testing.T) {
	t.Parallel()
	l := report.NewLatency()
	for i := 1; i <= 10_000; i++ {
		l.Record(time.Duration(i) * 100 * time.Microsecond)
	}
	got := l.Summary()
	for _, p := range []struct {
		name      string
		got, want time.Duration
	}{
		{"p50", got.P50, 500 * time.Millisecond},
		{"p90", got.P90, 900 * time.Millisecond},
		{"p99", got.P99, 990 * time.Millisecond},
		{"p99.9", got.P999, 999 * time.Millisecond},
	} {
		if off := (p.got - p.want).Abs(); off > p.want/1000 {
			t.Errorf("%s is %v, more than 0.1 %% from %v", p.name, p.got, p.want)
		}
	}
	// These two are not rounded to the histogram's buckets.
	if got.Max != time.Second || got.Mean != 500_050*time.Microsecond {
		t.Errorf("max %v and mean %v, want 1s and 500.05ms", got.Max, got.Mean)
	}
	if got.Count != 10_000 || got.Below != 0 || got.Above != 0 {
		t.Errorf("count %d, %d below, %d above; want 10000 and none", got.Count, got.Below, got.Above)
	}
}

func TestLatencyClampsWhatIsOutsideAndCountsIt(t *testing.T) {
	t.Parallel()
	l := report.NewLatency()
	for _, d := range []time.Duration{-time.Second, 0, 999, report.Shortest, report.Longest, report.Longest + 1, time.Hour} {
		l.Record(d)
	}
	got := *l.Summary()
	want := report.Summary{
		Count: 7, P50: report.Shortest, P90: report.Longest, P99: report.Longest, P999: report.Longest, Max: report.Longest,
		Mean: (4*report.Shortest + 3*report.Longest) / 7, Below: 3, Above: 2,
	}
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestLatencyOfOneIsThatOne(t *testing.T) {
	t.Parallel()
	for _, d := range []time.Duration{time.Microsecond, 1499, 2345678, 34 * time.Second} {
		l := report.NewLatency()
		l.Record(d)
		s := l.Summary()
		if s.Max != d || s.Mean != d {
			t.Errorf("of %v, max is %v and mean %v", d, s.Max, s.Mean)
		}
		for _, p := range []time.Duration{s.P50, s.P90, s.P99, s.P999} {
			if off := d - p; off < 0 || off > max(d/1000, time.Microsecond) {
				t.Errorf("of %v, a percentile is %v", d, p)
			}
		}
	}
}

func TestLatencyMergedIsAsIfRecordedInOne(t *testing.T) {
	t.Parallel()
	whole, parts := report.NewLatency(), []*report.Latency{report.NewLatency(), report.NewLatency(), report.NewLatency()}
	for i := range 30_000 {
		d := time.Duration(i) * time.Duration(i) * 70 // from nothing to more than a minute
		whole.Record(d)
		parts[i%3].Record(d)
	}
	merged := report.NewLatency()
	for _, part := range parts {
		before := *part.Summary()
		merged.Merge(part)
		if after := *part.Summary(); after != before {
			t.Errorf("merging changed what was merged: %+v, before %+v", after, before)
		}
	}
	got, want := *merged.Summary(), *whole.Summary()
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if want.Above == 0 || want.Below == 0 {
		t.Errorf("%d above and %d below: the test is about nothing", want.Above, want.Below)
	}
}

func TestLatencyOfNothingHasNoSummary(t *testing.T) {
	t.Parallel()
	l := report.NewLatency()
	l.Merge(report.NewLatency())
	if got := l.Summary(); got != nil {
		t.Errorf("got %+v, want nil", got)
	}
}

//nolint:paralleltest // allocations are counted over the whole process
func TestRecordDoesNotAllocate(t *testing.T) {
	l := report.NewLatency()
	d := time.Microsecond
	if got := testing.AllocsPerRun(1000, func() {
		l.Record(d)
		d += 77 * time.Millisecond
	}); got != 0 {
		t.Errorf("%v allocations a record", got)
	}
}

func BenchmarkRecord(b *testing.B) {
	l := report.NewLatency()
	d := time.Microsecond
	for b.Loop() {
		l.Record(d)
		if d += time.Microsecond; d > time.Second {
			d = time.Microsecond
		}
	}
}
