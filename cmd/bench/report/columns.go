package report

import (
	"math"
	"strconv"
	"time"
)

// column is a column of a table: its heading and a cell for each row.
type column struct {
	head  string
	cells []string
	label bool // describes the row's run, and not its result
	glued bool // belongs to the column on its left
}

// The headings of columns that are glued to a figure.
const (
	spreadHead = "min–max"
	ratioHead  = "ratio"
)

// figure describes a column of values: how to get one from a run, and how to show it.
type figure struct {
	head   string
	of     func(*Result) (float64, bool)
	format func(float64) string
	plain  bool // without spread and ratio, because other figures are quoted
}

// columns returns a section as a table.
func (s *section) columns() []column {
	columns := s.labels()
	for _, f := range s.figures() {
		columns = append(columns, s.lay(f)...)
	}
	return append(columns, s.checks()...)
}

// each calls do for every row, from top to bottom, and returns the column.
func (s *section) each(head string, do func(*caseRows, *row) string) column {
	c := column{head: head}
	for _, rows := range s.cases {
		for _, w := range rows.rows {
			c.cells = append(c.cells, do(rows, w))
		}
	}
	return c
}

// labels are the columns that describe the runs.
func (s *section) labels() []column {
	var columns []column
	for _, name := range s.params {
		columns = append(columns, s.each(name, func(c *caseRows, _ *row) string { return c.value(name) }))
	}
	columns = append(columns,
		s.each("server", func(_ *caseRows, w *row) string { return w.server }),
		s.each("runs", func(_ *caseRows, w *row) string {
			if good := len(w.good()); good < len(w.runs) {
				return strconv.Itoa(good) + " of " + strconv.Itoa(len(w.runs))
			}
			return strconv.Itoa(len(w.runs))
		}),
	)
	for i := range columns {
		columns[i].label = true
	}
	return columns
}

// figures are the measures, and then the latency.
func (s *section) figures() []figure {
	list := make([]figure, 0, len(s.measures)+5)
	for _, k := range s.measures {
		list = append(list, figure{head: k.label(), format: k.formatted(!s.fraction[k]), of: func(r *Result) (float64, bool) {
			for _, m := range r.Measures {
				if m.key() == k {
					return m.Value, true
				}
			}
			return 0, false
		}})
	}
	if !s.latency {
		return list
	}
	for _, l := range []struct {
		head  string
		of    func(*Summary) time.Duration
		plain bool
	}{
		{"p50", func(l *Summary) time.Duration { return l.P50 }, false},
		{"p90", func(l *Summary) time.Duration { return l.P90 }, true},
		{"p99", func(l *Summary) time.Duration { return l.P99 }, false},
		{"p99.9", func(l *Summary) time.Duration { return l.P999 }, true},
		{"max", func(l *Summary) time.Duration { return l.Max }, true},
	} {
		list = append(list, figure{l.head, inLatency(l.of), nanoseconds, l.plain})
	}
	return list
}

// inLatency gets a value of a run's latency, if it has one.
func inLatency(of func(*Summary) time.Duration) func(*Result) (float64, bool) {
	return func(r *Result) (float64, bool) {
		if r.Latency == nil {
			return 0, false
		}
		return float64(of(r.Latency)), true
	}
}

// lay returns a figure's columns: medians, spread and ratio, the last two only if they have any
// values.
func (s *section) lay(f figure) []column {
	columns := []column{s.each(f.head, func(_ *caseRows, w *row) string { return f.format(w.over(f.of).median) })}
	if s.repeated && !f.plain {
		columns = append(columns, s.each(spreadHead, func(_ *caseRows, w *row) string {
			o := w.over(f.of)
			if len(w.good()) < 2 || math.IsNaN(o.median) {
				return nothing
			}
			return f.format(o.low) + "–" + f.format(o.high)
		}))
	}
	if s.compared && !f.plain {
		columns = append(columns, s.each(ratioHead, func(c *caseRows, w *row) string {
			if len(c.rows) == 1 {
				return nothing
			}
			return ratio(w.over(f.of).median, c.base.over(f.of).median, w == c.base)
		}))
	}
	for i := range columns[1:] {
		columns[i+1].glued = true
	}
	return columns
}

// ratio shows value as a multiple of base; the base itself is ×1.
func ratio(value, base float64, same bool) string {
	q := value / base
	switch {
	case math.IsNaN(q) || math.IsInf(q, 0):
		return nothing
	case same:
		return "×1"
	}
	return "×" + significant(q)
}

// checks are the columns of the checks and their results.
func (s *section) checks() []column {
	count := func(head string, of func(Checks) int64) column {
		return s.each(head, func(_ *caseRows, w *row) string { return quantity(float64(w.total(of))) })
	}
	columns := []column{count("entries checked", func(c Checks) int64 { return c.Entries })}
	for _, fault := range []struct {
		head string
		of   func(Checks) int64
	}{
		{"lost", func(c Checks) int64 { return c.Lost }},
		{"twice", func(c Checks) int64 { return c.Twice }},
		{"out of order", func(c Checks) int64 { return c.OutOfOrder }},
	} {
		if s.found(fault.of) {
			columns = append(columns, count(fault.head, fault.of))
		}
	}
	return columns
}

// found reports whether any run has this fault.
func (s *section) found(of func(Checks) int64) bool {
	for _, c := range s.cases {
		for _, w := range c.rows {
			if w.total(of) != 0 {
				return true
			}
		}
	}
	return false
}
