package prometheus_test

import (
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/parley-chat/parley/deploy/deploytest"
)

const runbook = "https://github.com/parley-chat/parley/blob/main/deploy/ALERTS.md#"

// storyFiles are the files of promtool's tests.
var storyFiles = []string{"objectives_test.yaml", "rules_test.yaml"}

// alert is an alerting rule of rules.yaml. An objective has several of one name, with different
// labels.
type alert struct {
	name, expr          string
	labels, annotations map[string]any
}

// String distinguishes alerts of one name.
func (a alert) String() string {
	if long, ok := a.labels["long"]; ok {
		return fmt.Sprintf("%s (%v)", a.name, long)
	}
	return a.name
}

func alerts(t *testing.T) (all []alert) {
	t.Helper()
	for _, file := range deploytest.YAML(t, deploytest.Read(t, "deploy/prometheus/rules.yaml")) {
		for _, group := range deploytest.At[[]any](t, file, "groups") {
			for _, rule := range deploytest.At[[]any](t, group, "rules") {
				if name := deploytest.At[string](t, rule, "alert"); name != "" {
					all = append(all, alert{
						name, deploytest.At[string](t, rule, "expr"),
						deploytest.At[map[string]any](t, rule, "labels"), deploytest.At[map[string]any](t, rule, "annotations"),
					})
				}
			}
		}
	}
	if len(all) == 0 {
		t.Fatal("rules.yaml has no alerts")
	}
	return all
}

func TestPromtoolHasNothingToSayOfTheRules(t *testing.T) {
	t.Parallel()
	if out, err := promtool(t, "check", "rules", "--lint=all", "--lint-fatal", "rules.yaml"); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestStories(t *testing.T) {
	t.Parallel()
	for _, file := range storyFiles {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			if out, err := promtool(t, "test", "rules", file); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

func promtool(t *testing.T, args ...string) (string, error) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), tool(t, "promtool"), args...).CombinedOutput()
	return string(out), err
}

// tool returns the path of a program that make tools builds.
func tool(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(deploytest.Root(t), ".tools", name)
	if _, err := exec.LookPath(path); err != nil {
		t.Fatalf("%v; run make tools", err)
	}
	return path
}

func TestEachAlertSaysWhatToDo(t *testing.T) {
	t.Parallel()
	for _, a := range alerts(t) {
		for _, name := range []string{"summary", "description"} {
			if text, _ := a.annotations[name].(string); len(text) < 20 || !strings.HasSuffix(text, ".") {
				t.Errorf("%s: the %s says little: %q", a, name, text)
			}
		}
		if severity := a.labels["severity"]; severity != "page" && severity != "ticket" {
			t.Errorf("%s: got severity %v, want page or ticket", a, severity)
		}
		if got, want := a.annotations["runbook_url"], runbook+strings.ToLower(a.name); got != want {
			t.Errorf("%s: got runbook_url %v, want %s", a, got, want)
		}
	}
}

var (
	heading = regexp.MustCompile(`(?m)^### (\S+)$`)
	link    = regexp.MustCompile(`\]\(#([a-z]+)\)`)
)

func TestAlertsAndTheirRunbookAreInStep(t *testing.T) {
	t.Parallel()
	book := string(deploytest.Read(t, "deploy/ALERTS.md"))
	named := map[string]bool{}
	for _, a := range alerts(t) {
		named[a.name] = true
	}
	anchors := map[string]bool{}
	parts := heading.FindAllStringSubmatchIndex(book, -1)
	for i, at := range parts {
		name, end := book[at[2]:at[3]], len(book)
		if i+1 < len(parts) {
			end = parts[i+1][0]
		}
		if !named[name] {
			t.Errorf("ALERTS.md has a heading %s, and rules.yaml no such alert", name)
		}
		delete(named, name)
		anchors[strings.ToLower(name)] = true
		for _, part := range []string{"**Means:**", "**Users", "**Look first", "**Do:**", "`"} {
			if !strings.Contains(book[at[1]:end], part) {
				t.Errorf("ALERTS.md: %s has no %s", name, part)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(named)) {
		t.Errorf("ALERTS.md has no heading for %s, or two", name)
	}
	for _, found := range link.FindAllStringSubmatch(book, -1) {
		if !anchors[found[1]] {
			t.Errorf("ALERTS.md leads to #%s, which is not there", found[1])
		}
	}
}

// TestEachAlertFiresAndKeepsQuietInSomeStory reads what the stories expect; promtool checks that it
// comes true.
func TestEachAlertFiresAndKeepsQuietInSomeStory(t *testing.T) {
	t.Parallel()
	checks := checksOf(t)
	for _, a := range alerts(t) {
		fires, quiet := 0, 0
		for _, check := range checks[a.name] {
			if slices.ContainsFunc(check, a.isIn) {
				fires++
			} else {
				quiet++
			}
		}
		if fires == 0 || quiet == 0 {
			t.Errorf("%s fires in %d checks of %v and keeps quiet in %d; want each in one at least", a, fires, storyFiles, quiet)
		}
	}
	for name := range checks {
		if !slices.ContainsFunc(alerts(t), func(a alert) bool { return a.name == name }) {
			t.Errorf("a story checks %s, which is no alert", name)
		}
	}
}

// isIn reports whether a story's expected labels are those of the alert.
func (a alert) isIn(labels map[string]any) bool {
	for name, value := range a.labels {
		if fmt.Sprint(labels[name]) != fmt.Sprint(value) {
			return false
		}
	}
	return true
}

// checksOf returns the labels of all expected alerts, for each check of each alert.
func checksOf(t *testing.T) map[string][][]map[string]any {
	t.Helper()
	checks := map[string][][]map[string]any{}
	for _, name := range storyFiles {
		for _, file := range deploytest.YAML(t, deploytest.Read(t, "deploy/prometheus/"+name)) {
			for _, story := range deploytest.At[[]any](t, file, "tests") {
				for _, check := range deploytest.At[[]any](t, story, "alert_rule_test") {
					var firing []map[string]any
					for _, expected := range deploytest.At[[]any](t, check, "exp_alerts") {
						firing = append(firing, deploytest.At[map[string]any](t, expected, "exp_labels"))
					}
					of := deploytest.At[string](t, check, "alertname")
					checks[of] = append(checks[of], firing)
				}
			}
		}
	}
	return checks
}
