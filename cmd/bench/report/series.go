package report

import (
	"errors"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Series is a line of a plot: how long a server took at each load.
type Series struct {
	Name   string
	Points []Point
	Failed []float64 // loads at which every run failed
}

// Point is what became of one load.
type Point struct {
	Load     float64 // messages a second, from LeastLoad to MostLoad
	P50, P99 time.Duration
}

// What the plot of a whole report is about.
const (
	plottedScenario = "rate"
	plottedParam    = "rate"
)

// WriteSVG plots the results of scenario rate, which loads servers with a fixed number of messages a second. It is an error if
// there are none.
func (r *Report) WriteSVG(w io.Writer) error {
	series := r.Series(plottedScenario, plottedParam)
	if len(series) == 0 {
		return errors.New("plot: no run of scenario " + plottedScenario + " has a latency")
	}
	return WriteSVG(w, series...)
}

// Series returns a line for each server that ran a scenario, over the values of the parameter load: medians of the repetitions'
// percentiles. Where other parameters differ too, each set of them has a line of its own.
func (r *Report) Series(scenario, load string) []Series {
	i := slices.IndexFunc(r.sections(), func(s *section) bool { return s.scenario == scenario })
	if i < 0 {
		return nil
	}
	s := r.sections()[i]
	varied := s.varied(load)
	var list []*Series
	for _, c := range s.cases {
		at, err := strconv.ParseFloat(c.value(load), 64)
		if err != nil || !(at >= LeastLoad && at <= MostLoad) {
			continue
		}
		for _, w := range c.rows {
			name := strings.Join(append([]string{w.server}, c.others(varied)...), " ")
			line := find(&list, func(l *Series) bool { return l.Name == name }, func() *Series { return &Series{Name: name} })
			line.add(at, w)
		}
	}
	var whole []Series
	for _, line := range list {
		if len(line.Points) > 0 || len(line.Failed) > 0 {
			whole = append(whole, *line)
		}
	}
	return whole
}

// add puts a server's runs at one load into the line.
func (l *Series) add(load float64, w *row) {
	p50 := w.over(inLatency(func(s *Summary) time.Duration { return s.P50 }))
	p99 := w.over(inLatency(func(s *Summary) time.Duration { return s.P99 }))
	switch {
	case !math.IsNaN(p50.median):
		l.Points = append(l.Points, Point{load, time.Duration(p50.median), time.Duration(p99.median)})
	case len(w.good()) == 0:
		l.Failed = append(l.Failed, load)
	}
}

// varied names the parameters besides load that have more than one value.
func (s *section) varied(load string) []string {
	var names []string
	for _, name := range s.params {
		first := s.cases[0].value(name)
		if name != load && slices.ContainsFunc(s.cases, func(c *caseRows) bool { return c.value(name) != first }) {
			names = append(names, name)
		}
	}
	return names
}

// others writes the parameters that are named.
func (c *caseRows) others(names []string) []string {
	var list []string
	for _, name := range names {
		list = append(list, name+"="+c.value(name))
	}
	return list
}
