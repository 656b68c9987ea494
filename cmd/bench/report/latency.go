package report

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// The range of a Latency: values outside count as the nearest limit.
const (
	Shortest = time.Microsecond
	Longest  = time.Minute

	digits = 3
)

// Latency is a histogram of durations from Shortest to Longest, to three digits. It is for one
// goroutine: let each have its own, and merge them when all are done. Make one with NewLatency; it
// takes about 140 KiB, however much is recorded.
type Latency struct {
	histogram *hdrhistogram.Histogram // of microseconds
	sum       float64                 // ns
	longest   time.Duration
	below     int64
	above     int64
}

// NewLatency returns an empty histogram.
func NewLatency() *Latency {
	return &Latency{histogram: hdrhistogram.New(int64(Shortest/time.Microsecond), int64(Longest/time.Microsecond), digits)}
}

// Record adds a duration. One outside the range counts as the nearest limit, and Summary reports
// it.
func (l *Latency) Record(d time.Duration) {
	switch {
	case d < Shortest:
		d = Shortest
		l.below++
	case d > Longest:
		d = Longest
		l.above++
	}
	l.sum += float64(d)
	l.longest = max(l.longest, d)
	// The only error is a value outside the range.
	_ = l.histogram.RecordValue(int64((d + time.Microsecond/2) / time.Microsecond))
}

// Merge adds what other has; other stays as it is.
func (l *Latency) Merge(other *Latency) {
	l.histogram.Merge(other.histogram)
	l.sum += other.sum
	l.longest = max(l.longest, other.longest)
	l.below += other.below
	l.above += other.above
}

// Summary returns the summary, or nil if nothing was recorded.
func (l *Latency) Summary() *Summary {
	count := l.histogram.TotalCount()
	if count == 0 {
		return nil
	}
	// The histogram knows only a value's bucket, and returns the bucket's upper end.
	at := func(percent float64) time.Duration {
		return min(time.Duration(l.histogram.ValueAtQuantile(percent))*time.Microsecond, l.longest)
	}
	return &Summary{
		Count: count,
		P50:   at(50), P90: at(90), P99: at(99), P999: at(99.9),
		Max:   l.longest,
		Mean:  time.Duration(l.sum / float64(count)),
		Below: l.below, Above: l.above,
	}
}

// Summary summarizes a histogram of durations. Percentiles are exact to 0.1 %, but not finer than a
// microsecond.
type Summary struct {
	Count int64         `json:"count"`
	P50   time.Duration `json:"p50_ns"`
	P90   time.Duration `json:"p90_ns"`
	P99   time.Duration `json:"p99_ns"`
	P999  time.Duration `json:"p999_ns"`
	Max   time.Duration `json:"max_ns"`
	Mean  time.Duration `json:"mean_ns"`
	// Below and Above are how many of Count were shorter than Shortest or longer than Longest. If
	// Above is not 0, Max and Mean are too small, and percentiles may be.
	Below int64 `json:"below,omitempty"`
	Above int64 `json:"above,omitempty"`
}
