package grafana_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parley-chat/parley/deploy/grafana"
)

// dashboard is the part of Grafana's model that the tests use.
type dashboard struct {
	UID, Title, Description string
	SchemaVersion           int
	Tags                    []string
	Links                   []struct {
		Type                  string
		Tags                  []string
		IncludeVars, KeepTime bool
	}
	Templating struct {
		List []struct{ Name, Type, Definition string }
	}
	Annotations struct{ List []target }
	Panels      []panel
}

type panel struct {
	ID                       int
	Type, Title, Description string
	Datasource               source
	GridPos                  struct{ X, Y, W, H int }
	FieldConfig              struct {
		Defaults struct {
			Unit       string
			Thresholds struct{ Steps []struct{ Value *float64 } }
		}
	}
	Targets []target
}

type target struct {
	RefID, Expr    string
	Datasource     source
	Exemplar       bool
	Instant, Range bool
}

type source struct{ Type, UID string }

func read(t *testing.T) map[string]dashboard {
	t.Helper()
	all := map[string]dashboard{}
	for name, content := range grafana.Files() {
		var d dashboard
		if err := json.Unmarshal(content, &d); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all[name] = d
	}
	return all
}

func TestTheFilesAreInStepWithTheCode(t *testing.T) {
	t.Parallel()
	want := grafana.Files()
	for name, content := range want {
		got, err := os.ReadFile(filepath.Join("dashboards", name))
		if err != nil || !bytes.Equal(got, content) {
			t.Errorf("dashboards/%s is not what the code makes (%v); run make generate", name, err)
		}
	}
	entries, err := os.ReadDir("dashboards")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if _, ok := want[entry.Name()]; !ok {
			t.Errorf("dashboards/%s is made by nothing", entry.Name())
		}
	}
}

func TestDashboardsShareVariablesAndLeadToOneAnother(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for name, d := range read(t) {
		if d.Title == "" || d.Description == "" || d.SchemaVersion < 39 {
			t.Errorf("%s: got title %q, description %q, schema %d", name, d.Title, d.Description, d.SchemaVersion)
		}
		if seen[d.UID] != "" || d.UID == "" {
			t.Errorf("%s has the uid %q, as %s has", name, d.UID, seen[d.UID])
		}
		seen[d.UID] = name
		var variables []string
		for _, v := range d.Templating.List {
			variables = append(variables, v.Name)
		}
		if want := []string{"datasource", "job", "instance"}; !slices.Equal(variables, want) {
			t.Errorf("%s has the variables %q, want %q", name, variables, want)
		}
		for _, link := range d.Links {
			if link.Type != "dashboards" || !slices.Equal(link.Tags, d.Tags) || !link.IncludeVars || !link.KeepTime {
				t.Errorf("%s: a link does not lead to the others as one stands here: %+v", name, link)
			}
		}
		if len(d.Links) == 0 || len(d.Annotations.List) == 0 {
			t.Errorf("%s has %d links and %d annotations", name, len(d.Links), len(d.Annotations.List))
		}
	}
}

func TestEachPanelSaysWhatItMeans(t *testing.T) {
	t.Parallel()
	for name, d := range read(t) {
		ids, titles := map[int]bool{}, map[string]bool{}
		row := ""
		for _, p := range d.Panels {
			if ids[p.ID] {
				t.Errorf("%s: the id %d is there twice", name, p.ID)
			}
			ids[p.ID] = true
			if p.Type == "row" {
				row = p.Title
				continue
			}
			where := name + ": " + row + ": " + p.Title
			if titles[where] {
				t.Errorf("%s is there twice", where)
			}
			titles[where] = true
			p.explained(t, where)
		}
	}
}

// explained checks a panel's description, unit, colours and queries.
func (p *panel) explained(t *testing.T, where string) {
	t.Helper()
	if len(p.Description) < 40 || !strings.HasSuffix(p.Description, ".") {
		t.Errorf("%s: the description says little: %q", where, p.Description)
	}
	if p.FieldConfig.Defaults.Unit == "" || len(p.FieldConfig.Defaults.Thresholds.Steps) == 0 {
		t.Errorf("%s has no unit or no colours", where)
	}
	for i, s := range p.FieldConfig.Defaults.Thresholds.Steps {
		if (s.Value == nil) != (i == 0) {
			t.Errorf("%s: the first colour, and it alone, is for all below the second", where)
		}
	}
	if len(p.Targets) == 0 {
		t.Errorf("%s asks for nothing", where)
	}
	refs := map[string]bool{}
	for _, q := range p.Targets {
		if refs[q.RefID] {
			t.Errorf("%s: two queries are %s", where, q.RefID)
		}
		refs[q.RefID] = true
		q.wellMade(t, where)
	}
}

func (q *target) wellMade(t *testing.T, where string) {
	t.Helper()
	if q.Datasource != (source{"prometheus", "${datasource}"}) {
		t.Errorf("%s asks %+v, not the chosen data source", where, q.Datasource)
	}
	if !strings.Contains(q.Expr, `job=~"$job"`) || strings.Contains(q.Expr, "SEL") || strings.Contains(q.Expr, "JOB") {
		t.Errorf("%s does not ask for the chosen jobs: %s", where, q.Expr)
	}
	if q.Instant == q.Range {
		t.Errorf("%s: a query is either instant or over a range", where)
	}
	isTime := strings.Contains(q.Expr, "_seconds_bucket") && !strings.Contains(q.Expr, `le="`)
	if isTime != q.Exemplar {
		t.Errorf("%s: exemplars %v, for %s", where, q.Exemplar, q.Expr)
	}
}

func TestPanelsDoNotOverlap(t *testing.T) {
	t.Parallel()
	for name, d := range read(t) {
		taken := map[[2]int]string{}
		for _, p := range d.Panels {
			if g := p.GridPos; g.W < 1 || g.H < 1 || g.X < 0 || g.X+g.W > 24 {
				t.Errorf("%s: %s stands at %+v", name, p.Title, g)
			}
			for x := range p.GridPos.W {
				for y := range p.GridPos.H {
					at := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
					if taken[at] != "" {
						t.Fatalf("%s: %s overlaps %s", name, p.Title, taken[at])
					}
					taken[at] = p.Title
				}
			}
		}
	}
}

func TestThereIsADashboardForEachPart(t *testing.T) {
	t.Parallel()
	want := []string{"consumers.json", "delivery.json", "overview.json", "runtime.json", "store.json"}
	if got := slices.Sorted(maps.Keys(grafana.Files())); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
