package prometheus_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/adapters/postgres/pgtest"
	"github.com/parley-chat/parley/deploy/deploytest"
	"github.com/parley-chat/parley/deploy/grafana"
)

// ofPrometheus are series that Prometheus makes itself.
var ofPrometheus = []string{"up", "scrape_duration_seconds", "ALERTS"}

// config scrapes three services as one job, one of them with native histograms in addition to
// classic ones, as is common.
func config(t *testing.T, withNative, without, keyed *service) string {
	t.Helper()
	return fmt.Sprintf(`
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [%q]
scrape_configs:
  - job_name: native
    scrape_native_histograms: true
    always_scrape_classic_histograms: true
    static_configs: [{targets: [%q]}]
    relabel_configs: [{target_label: job, replacement: parley}]
  - job_name: parley
    static_configs: [{targets: [%q, %q]}]
`, filepath.Join(deploytest.Root(t), "deploy", "prometheus", "rules.yaml"), withNative.admin(), without.admin(), keyed.admin())
}

// TestAPrometheusThatScrapesServicesUnderLoad runs all queries of the dashboards and the rules on a
// real Prometheus.
func TestAPrometheusThatScrapesServicesUnderLoad(t *testing.T) {
	t.Parallel()
	database := pgtest.Start(t)
	large, small := serves(t, database.URL(), ""), serves(t, "memory://", "")
	keyed := serves(t, "memory://", publishes(t)) // without clients, for metrics of a key set
	ends := []func(){large.begins(t), small.begins(t)}
	p := runs(t, config(t, large, small, keyed))
	rules := p.rules(t)

	t.Run("every metric that is asked for is there", func(t *testing.T) {
		known := large.metrics(t)
		maps.Copy(known, documented(t))
		for _, name := range ofPrometheus {
			known[name] = true
		}
		for _, r := range rules {
			known[r.Name] = known[r.Name] || r.Type == "recording"
		}
		for where, expr := range asked(t, rules) {
			p.selectsOnly(t, known, where, expr)
		}
	})
	t.Run("every panel shows something", func(t *testing.T) {
		p.answers(t, questions(t, ".+", nil))
		p.answers(t, questions(t, large.admin(), nil))
		p.answers(t, questions(t, small.admin(), func(row string) bool { return strings.HasPrefix(row, "PostgreSQL") }))
	})
	t.Run("every rule asks for what is there, and nothing fires", func(t *testing.T) {
		for _, r := range p.rules(t) { // again, because they have been evaluated by now
			p.isQuiet(t, r)
		}
	})
	t.Run("exemplars lead to traces", func(t *testing.T) { p.hasExemplars(t) })
	for _, end := range ends {
		end()
	}
	t.Run("what goes away is told", func(t *testing.T) {
		database.Stop(pgtest.Immediate)
		p.becomesTrue(t, "ParleyStoreDown", large.admin())
		if err := small.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Fatal(err)
		}
		p.becomesTrue(t, "ParleyInstanceDown", small.admin())
	})
}

// rule is a rule of rules.yaml, in Prometheus's form.
type rule struct {
	Name, Query, Type, Health, LastError, State string
	LastEvaluation                              time.Time
	Labels                                      map[string]string
}

// String distinguishes rules of one name.
func (r rule) String() string { return strings.TrimSpace(r.Name + " " + r.Labels["long"]) }

func (m *monitor) rules(t *testing.T) (all []rule) {
	t.Helper()
	var data struct{ Groups []struct{ Rules []rule } }
	if err := m.asks("rules", nil, &data); err != nil {
		t.Fatal(err)
	}
	for _, g := range data.Groups {
		all = append(all, g.Rules...)
	}
	if len(all) == 0 {
		t.Fatal("Prometheus has no rules")
	}
	return all
}

// documented returns the series in the table of metrics, which the observability package generates
// from its code. It also has series that begin with their first event.
func documented(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for line := range strings.Lines(string(deploytest.Read(t, "observability/METRICS.md"))) {
		if name, ok := strings.CutPrefix(line, "| `parley_"); ok {
			name, _, _ = strings.Cut(name, "`")
			names["parley_"+name] = true
		}
	}
	return names
}

// asked returns all expressions of the dashboards and the rules, by their place.
func asked(t *testing.T, rules []rule) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, q := range questions(t, ".+", nil) {
		all[q.where] = q.expr
	}
	for name, content := range grafana.Files() {
		var d struct {
			Annotations struct{ List []struct{ Name, Expr string } }
			Templating  struct {
				List []struct{ Name, Definition string }
			}
		}
		if err := json.Unmarshal(content, &d); err != nil {
			t.Fatal(err)
		}
		for _, a := range d.Annotations.List {
			all[name+": annotation "+a.Name] = substituted(a.Expr, ".+")
		}
		for _, v := range d.Templating.List {
			if inner, ok := strings.CutPrefix(v.Definition, "label_values("); ok {
				series, label, _ := strings.Cut(strings.TrimSuffix(inner, ")"), ", ")
				all[name+": variable "+v.Name] = "count by (" + label + ") (" + substituted(series, ".+") + ")"
			}
		}
	}
	for _, r := range rules {
		all[r.String()] = r.Query
	}
	return all
}

// selectsOnly expects an expression to parse, and to select known metrics only.
func (m *monitor) selectsOnly(t *testing.T, known map[string]bool, where, expr string) {
	t.Helper()
	selectors, err := m.parse(expr)
	if err != nil {
		t.Errorf("%s: %v in %s", where, err, expr)
	}
	for _, one := range selectors {
		if !known[one.metric] {
			t.Errorf("%s asks for %s, which the service does not have, in %s", where, one.metric, expr)
		}
	}
}

// question is a query of a panel.
type question struct{ where, expr string }

// questions returns all queries of all dashboards for some instances, except those of excluded
// rows.
func questions(t *testing.T, instance string, without func(row string) bool) (all []question) {
	t.Helper()
	for name, content := range grafana.Files() {
		var d struct {
			Panels []struct {
				Type, Title string
				Targets     []struct{ RefID, Expr string }
			}
		}
		if err := json.Unmarshal(content, &d); err != nil {
			t.Fatal(err)
		}
		row := ""
		for _, panel := range d.Panels {
			if panel.Type == "row" {
				row = panel.Title
			}
			if without != nil && without(row) {
				continue
			}
			for _, q := range panel.Targets {
				where := fmt.Sprintf("%s: %s: %s (%s) of %s", name, row, panel.Title, q.RefID, instance)
				all = append(all, question{where, substituted(q.Expr, instance)})
			}
		}
	}
	if len(all) == 0 {
		t.Fatal("the dashboards have no panels")
	}
	return all
}

// substituted returns an expression as Grafana sends it.
func substituted(expr, instance string) string {
	return strings.NewReplacer("$__rate_interval", "15s", "$__range", "30s", "$job", "parley", "$instance", instance).Replace(expr)
}

// answers waits until each question has at least one number as an answer.
func (m *monitor) answers(t *testing.T, open []question) {
	t.Helper()
	eventually(t, "some panels show nothing", func() error {
		var errs []error
		open = slices.DeleteFunc(open, func(q question) bool {
			err := m.answer(q.expr)
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: %w: %s", q.where, err, q.expr))
			}
			return err == nil
		})
		return errors.Join(errs...)
	})
}

// answer expects a number among the results of an expression.
func (m *monitor) answer(expr string) error {
	vector, err := m.query(expr)
	if err != nil {
		return err
	}
	for _, one := range vector {
		if !math.IsNaN(one.number()) {
			return nil
		}
	}
	return fmt.Errorf("%d results, no number among them", len(vector))
}

// isQuiet expects that a rule is evaluated without error, that its series exist, and that it does
// not fire.
func (m *monitor) isQuiet(t *testing.T, r rule) {
	t.Helper()
	if r.Health != "ok" || r.LastError != "" || r.LastEvaluation.IsZero() {
		t.Errorf("%s is %s, evaluated at %v: %s", r, r.Health, r.LastEvaluation, r.LastError)
	}
	if r.Type == "recording" {
		if err := m.answer(r.Query); err != nil {
			t.Errorf("%s: %v: %s", r, err, r.Query)
		}
		return
	}
	m.isNotBlind(t, r)
	if r.State == "firing" {
		t.Errorf("%s fires where all is well", r)
	}
	// A busy machine may miss a scrape, which is temporary.
	eventually(t, r.String()+" where all is well", func() error {
		vector, err := m.query(r.Query)
		if len(vector) > 0 && r.Name != "ParleyFanoutBudgetBurn" { // the speed of delivery also depends on the machine
			err = fmt.Errorf("got %v: %s", vector, r.Query)
		}
		return err
	})
}

// isNotBlind expects each selector of an alert to find series, by its matchers with =. An alert
// without series would never fire, and nobody would notice.
func (m *monitor) isNotBlind(t *testing.T, r rule) {
	t.Helper()
	selectors, err := m.parse(r.Query)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range selectors {
		if one.metric == "parley_faults_total" {
			continue // it does not exist before the first fault
		}
		var series []map[string]string
		if err := m.asks("series", url.Values{"match[]": {one.exactly()}}, &series); err != nil || len(series) == 0 {
			t.Errorf("%s: there is no %s (%v)", r, one.exactly(), err)
			continue
		}
		for _, by := range one.matchers {
			if _, ok := series[0][by.name]; !ok {
				t.Errorf("%s: %s has no label %s", r, one.metric, by.name)
			}
		}
	}
}

// hasExemplars expects Prometheus to keep exemplars of deliveries, which a panel shows.
func (m *monitor) hasExemplars(t *testing.T) {
	t.Helper()
	now := time.Now()
	eventually(t, "an exemplar of the time to the last reader", func() error {
		var series []struct {
			Exemplars []struct{ Labels map[string]string }
		}
		err := m.asks("query_exemplars", url.Values{
			"query": {`rate(parley_hub_fanout_latency_seconds_bucket{written="last"}[1m])`},
			"start": {strconv.FormatInt(now.Add(-time.Hour).Unix(), 10)}, "end": {strconv.FormatInt(now.Add(time.Hour).Unix(), 10)},
		}, &series)
		for _, one := range series {
			for _, e := range one.Exemplars {
				if len(e.Labels["trace_id"]) == 32 {
					return nil
				}
			}
		}
		return errors.Join(err, fmt.Errorf("got %v", series))
	})
}

// becomesTrue waits until an alert's expression is true for an instance.
func (m *monitor) becomesTrue(t *testing.T, name, instance string) {
	t.Helper()
	for _, r := range m.rules(t) {
		if r.Name != name {
			continue
		}
		eventually(t, name+" of "+instance, func() error {
			vector, err := m.query(r.Query)
			if err == nil && !slices.ContainsFunc(vector, func(one sample) bool { return one.Metric["instance"] == instance }) {
				err = fmt.Errorf("got %v", vector)
			}
			return err
		})
		return
	}
	t.Errorf("there is no alert %s", name)
}
