package report

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// section has the results of one scenario, for people: its runs, grouped by case and server.
type section struct {
	scenario string
	params   []string // names, in the order of their first use
	cases    []*caseRows
	measures []key
	fraction map[key]bool // measures with values that are not whole numbers
	latency  bool         // whether any run has a latency
	repeated bool         // whether any server ran a case successfully more than once
	compared bool         // whether any case was run by more than one server
}

// caseRows are the servers that ran a scenario with the same parameters.
type caseRows struct {
	params []Param
	rows   []*row
	base   *row
}

// row is a server and its runs.
type row struct {
	server string
	runs   []*Result
}

// sections groups the results, in the order of their first occurrence.
func (r *Report) sections() []*section {
	var list []*section
	for i := range r.Results {
		result := &r.Results[i]
		s := find(&list, func(s *section) bool { return s.scenario == result.Scenario }, func() *section {
			return &section{scenario: result.Scenario, fraction: map[key]bool{}}
		})
		c := find(&s.cases, func(c *caseRows) bool { return slices.Equal(c.params, result.Params) }, func() *caseRows {
			return &caseRows{params: result.Params}
		})
		w := find(&c.rows, func(w *row) bool { return w.server == result.Server }, func() *row { return &row{server: result.Server} })
		w.runs = append(w.runs, result)
		s.see(result)
	}
	for _, s := range list {
		for _, c := range s.cases {
			c.base = c.rows[max(slices.IndexFunc(c.rows, func(w *row) bool { return w.server == r.Base }), 0)]
			s.compared = s.compared || len(c.rows) > 1
			for _, w := range c.rows {
				s.repeated = s.repeated || len(w.good()) > 1
			}
		}
	}
	return list
}

// find returns the matching element of list, and adds it if there is none.
func find[E any](list *[]E, meant func(E) bool, fresh func() E) E {
	if i := slices.IndexFunc(*list, meant); i >= 0 {
		return (*list)[i]
	}
	*list = append(*list, fresh())
	return (*list)[len(*list)-1]
}

// see notes which columns a result needs.
func (s *section) see(r *Result) {
	for _, p := range r.Params {
		if !slices.Contains(s.params, p.Name) {
			s.params = append(s.params, p.Name)
		}
	}
	for _, m := range r.Measures {
		if !slices.Contains(s.measures, m.key()) {
			s.measures = append(s.measures, m.key())
		}
		if !isWhole(m.Value) {
			s.fraction[m.key()] = true
		}
	}
	s.latency = s.latency || r.Latency != nil
}

// good returns the runs that have not failed.
func (w *row) good() []*Result {
	return slices.DeleteFunc(slices.Clone(w.runs), func(r *Result) bool { return r.Error != "" })
}

// spread summarizes the repetitions of one measure.
type spread struct{ median, low, high float64 }

// over returns the spread of the values of the good runs; all are NaN if there is no value.
func (w *row) over(of func(*Result) (float64, bool)) spread {
	var values []float64
	for _, r := range w.good() {
		if v, ok := of(r); ok && !math.IsNaN(v) && !math.IsInf(v, 0) {
			values = append(values, v)
		}
	}
	if len(values) == 0 {
		return spread{math.NaN(), math.NaN(), math.NaN()}
	}
	slices.Sort(values)
	return spread{median(values), values[0], values[len(values)-1]}
}

// median returns the median of sorted values, at least one; if their number is even, the mean of
// the two in the middle.
func median(sorted []float64) float64 {
	n := len(sorted)
	if n%2 == 1 {
		return sorted[n/2]
	}
	return sorted[n/2-1]/2 + sorted[n/2]/2
}

// total adds up the checks of all runs, even of failed ones.
func (w *row) total(of func(Checks) int64) (sum int64) {
	for _, r := range w.runs {
		sum += of(r.Checks)
	}
	return sum
}

// remarks has a line for each failed run, and for each run with latencies out of range.
func (s *section) remarks() []remark {
	var list []remark
	for _, c := range s.cases {
		for _, w := range c.rows {
			for _, r := range w.runs {
				if r.Error != "" {
					list = append(list, remark{"failed", r.name() + ": " + oneLine(r.Error)})
				} else if l := r.Latency; l != nil && l.Above > 0 {
					text := fmt.Sprintf("%s: of %d latencies %d were longer than %v and count as that", r.name(), l.Count, l.Above, Longest)
					list = append(list, remark{"cut", text})
				}
			}
		}
	}
	return list
}

// remark is a line below a table.
type remark struct{ about, text string }

// value returns the value of a parameter, or an empty string.
func (c *caseRows) value(name string) string {
	for _, p := range c.params {
		if p.Name == name {
			return p.Value
		}
	}
	return nothing
}

// describe returns one line about the machine.
func (m Machine) describe() string {
	parts := make([]string, 0, 6)
	add := func(s string) {
		if s != "" {
			parts = append(parts, s)
		}
	}
	add(m.CPU)
	if m.Cores > 0 {
		cores := quantity(float64(m.Cores)) + " cores"
		if m.GOMAXPROCS > 0 && m.GOMAXPROCS != m.Cores {
			cores += ", GOMAXPROCS " + quantity(float64(m.GOMAXPROCS))
		}
		add(cores)
	}
	if m.Memory > 0 {
		add(scaled(float64(m.Memory), 1024, binary))
	}
	add(m.OS)
	add(m.Kernel)
	add(m.Go)
	return strings.Join(parts, ", ")
}
