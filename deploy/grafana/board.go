package grafana

import "strings"

// board is a dashboard in the form of this package.
type board struct {
	name  string // of its file, without .json
	title string
	about string
	rows  []row
}

// row is panels under a heading. They flow from left to right, and wrap to the next line.
type row struct {
	title  string
	panels []panel
}

// panel is one panel. The functions below make panels, and its methods return changed copies.
type panel struct {
	kind     kind
	title    string
	unit     unit
	about    string // its meaning, and what to do
	queries  []query
	width    int // of 24 columns
	height   int
	steps    []step
	marked   bool // the thresholds are drawn as lines too
	floor    *float64
	ceiling  *float64
	decimals *int
	stacked  bool
	names    map[string]mapped // words shown for values
	hidden   []string          // columns of a table that are not shown
}

// kind is Grafana's name of a panel type.
type kind string

const (
	timeseries kind = "timeseries"
	statistic  kind = "stat"
	heatmap    kind = "heatmap"
	tabular    kind = "table"
)

// unit is Grafana's name of a unit.
type unit string

const (
	number   unit = "short"
	seconds  unit = "s"
	size     unit = "bytes" // by 1024
	perByte  unit = "binBps"
	ratio    unit = "percentunit"
	perSec   unit = "ops"
	requests unit = "reqps"
)

// query is one query of Prometheus. In expr, SEL stands for the matchers of the chosen jobs and
// instances, and JOB for those of the jobs alone, for series without an instance.
type query struct {
	legend  string
	expr    string
	instant bool // at the present, instead of over the shown time
	format  string
}

// step is a threshold: a colour from a value on. A panel's first step has no value: it is for all
// values below the second.
type step struct {
	color string
	from  float64
}

// mapped is the word and the colour for a value.
type mapped struct{ text, color string }

func q(legend, expr string) query { return query{legend: legend, expr: expr} }

// lines shows values over time, by their legend.
func lines(title string, u unit, about string, queries ...query) panel {
	return panel{kind: timeseries, title: title, unit: u, about: about, queries: queries, width: 8, height: 8, floor: new(0.0)}
}

// areas is lines, stacked.
func areas(title string, u unit, about string, queries ...query) panel {
	p := lines(title, u, about, queries...)
	p.stacked = true
	return p
}

// stat shows the newest value, in large type.
func stat(title string, u unit, about string, queries ...query) panel {
	return panel{kind: statistic, title: title, unit: u, about: about, queries: queries, width: 4, height: 5}
}

// heat shows the distribution of a histogram's observations over its classic buckets, over time.
// rates is their rate by le.
func heat(title string, u unit, about, rates string) panel {
	return panel{
		kind: heatmap, title: title, unit: u, about: about, width: 12, height: 9,
		queries: []query{{legend: "{{le}}", expr: rates, format: "heatmap"}},
	}
}

// table shows one line for each result, with its labels as columns, except hidden ones.
func table(title string, u unit, about, expr string, hidden ...string) panel {
	return panel{
		kind: tabular, title: title, unit: u, about: about, width: 12, height: 8, hidden: hidden,
		queries: []query{{expr: expr, instant: true, format: "table"}},
	}
}

func (p panel) wide(columns int) panel { p.width = columns; return p }
func (p panel) high(lines int) panel   { p.height = lines; return p }
func (p panel) toOne() panel           { p.ceiling = new(1.0); return p }
func (p panel) digits(n int) panel     { p.decimals = &n; return p }

// bad colours values red from a value on, and orange from a lower one on, if that is above 0.
func (p panel) bad(orange, red float64) panel {
	p.steps, p.marked = []step{{color: "green"}}, true
	if orange > 0 {
		p.steps = append(p.steps, step{"orange", orange})
	}
	p.steps = append(p.steps, step{"red", red})
	return p
}

// good colours values green from a value on, and red below.
func (p panel) good(green float64) panel {
	p.steps, p.marked = []step{{color: "red"}, {"green", green}}, true
	return p
}

// says shows 0 and 1 as words.
func (p panel) says(zero, one mapped) panel {
	p.names = map[string]mapped{"0": zero, "1": one}
	return p
}

// quantiles returns the queries for quantiles of a histogram, from the rate of its classic buckets
// by le and other labels; how is put before the quantile's name in the legend.
func quantiles(how, rates string, of ...string) (queries []query) {
	names := map[string]string{"0.5": "p50", "0.9": "p90", "0.99": "p99", "0.999": "p99.9"}
	for _, each := range of {
		legend := strings.TrimSpace(how + " " + names[each])
		queries = append(queries, q(legend, "histogram_quantile("+each+", "+rates+")"))
	}
	return queries
}

// selected inserts the matchers of the variables.
func selected(expr string) string {
	return strings.NewReplacer(
		"SEL", `job=~"$job",instance=~"$instance"`,
		"JOB", `job=~"$job"`,
	).Replace(expr)
}
