// Package helm_test checks the chart against Kubernetes' schemas and the service, and its documents
// against each other.
package helm_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/parley-chat/parley/deploy/deploytest"
)

//go:generate go test -run TestGeneratedFilesAreInStep . -update
var update = flag.Bool("update", false, "write what is generated")

const chart = "deploy/helm/parley/"

// TestGeneratedFilesAreInStep compares the chart's copies of files with their sources.
func TestGeneratedFilesAreInStep(t *testing.T) {
	t.Parallel()
	want := map[string][]byte{
		"README.md":        withTable(t, deploytest.Read(t, chart+"README.md")),
		"files/rules.yaml": deploytest.Read(t, "deploy/prometheus/rules.yaml"),
	}
	dashboards := deploytest.Glob(t, "deploy/grafana/dashboards/*.json")
	if len(dashboards) == 0 {
		t.Fatal("there are no dashboards")
	}
	for _, name := range dashboards {
		want["files/dashboards/"+path.Base(name)] = deploytest.Read(t, name)
	}
	for _, name := range deploytest.Glob(t, chart+"files/dashboards/*") {
		if want["files/dashboards/"+path.Base(name)] == nil {
			t.Errorf("%s comes from nowhere", name)
		}
	}
	for name, content := range want {
		file := filepath.Join(deploytest.Root(t), chart, name)
		if *update {
			if err := os.WriteFile(file, content, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%s is not in step (%v): run go generate ./deploy/helm", name, err)
		}
	}
}

const tableBegins, tableEnds = "<!-- values: made of values.yaml by go generate ./deploy/helm -->\n", "<!-- /values -->\n"

// withTable puts the table of all values where the marks are.
func withTable(t *testing.T, readme []byte) []byte {
	t.Helper()
	before, rest, begins := strings.Cut(string(readme), tableBegins)
	_, after, ends := strings.Cut(rest, tableEnds)
	if !begins || !ends {
		t.Fatal("README.md has no place for the table of values")
	}
	var table strings.Builder
	table.WriteString("| value | default | |\n|---|---|---|\n")
	for _, v := range describe(t) {
		fmt.Fprintf(&table, "| `%s` | %s | %s |\n", v.path, v.std, v.about)
	}
	return []byte(before + tableBegins + table.String() + tableEnds + after)
}

// described is a value with its comment.
type described struct{ path, std, about string }

// describe reads values.yaml: a value is described by the comment above it that begins with two
// dashes.
func describe(t *testing.T) (all []described) {
	t.Helper()
	var document yaml.Node
	if err := yaml.Unmarshal(deploytest.Read(t, chart+"values.yaml"), &document); err != nil {
		t.Fatal(err)
	}
	var walk func(at string, node *yaml.Node)
	walk = func(at string, node *yaml.Node) {
		for i := 0; i < len(node.Content); i += 2 {
			key, value := node.Content[i], node.Content[i+1]
			path := strings.TrimPrefix(at+"."+key.Value, ".")
			about, ok := strings.CutPrefix(comment(key.HeadComment), "-- ")
			switch {
			case ok:
				all = append(all, described{path, standard(t, value), about})
			case value.Kind == yaml.MappingNode && len(value.Content) > 0:
				walk(path, value)
			default:
				t.Errorf("values.yaml: %s has no comment that begins with two dashes", path)
			}
		}
	}
	walk("", document.Content[0])
	return all
}

// comment returns the last paragraph of a comment, in one line.
func comment(text string) string {
	paragraphs := strings.Split(text, "\n\n")
	var words []string
	for line := range strings.Lines(paragraphs[len(paragraphs)-1]) {
		words = append(words, strings.TrimSpace(strings.TrimPrefix(line, "#")))
	}
	return strings.ReplaceAll(strings.Join(words, " "), "|", `\|`)
}

func standard(t *testing.T, value *yaml.Node) string {
	t.Helper()
	var v any
	if err := value.Decode(&v); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if v == nil || slices.Contains([]string{`""`, "[]", "{}"}, string(text)) {
		return "–"
	}
	return "`" + strings.Trim(string(text), `"`) + "`"
}

// TestTheSchemaKnowsEachValueAndNoOther walks the schema and the values in parallel.
func TestTheSchemaKnowsEachValueAndNoOther(t *testing.T) {
	t.Parallel()
	var schema map[string]any
	if err := json.Unmarshal(deploytest.Read(t, chart+"values.schema.json"), &schema); err != nil {
		t.Fatal(err)
	}
	values := deploytest.YAML(t, deploytest.Read(t, chart+"values.yaml"))[0]
	definitions := deploytest.At[map[string]any](t, schema, "$defs")
	var walk func(path string, schema, values map[string]any)
	walk = func(path string, schema, values map[string]any) {
		if reference, ok := schema["$ref"].(string); ok {
			schema = definitions[strings.TrimPrefix(reference, "#/$defs/")].(map[string]any)
		}
		properties, ok := schema["properties"].(map[string]any)
		if !ok {
			return // any value that Kubernetes accepts
		}
		if !off(schema, "additionalProperties") {
			t.Errorf("%s: a misspelt value would be taken", path)
		}
		for name := range properties {
			if _, ok := values[name]; !ok && name != "global" { // Helm's own, for charts of charts
				t.Errorf("the schema knows %s.%s, which has no default", path, name)
			}
		}
		for name, value := range values {
			property, ok := properties[name].(map[string]any)
			if !ok {
				t.Errorf("the schema does not know %s.%s", path, name)
				continue
			}
			if deeper, ok := value.(map[string]any); ok {
				walk(path+"."+name, property, deeper)
			}
		}
	}
	walk("", schema, values)
}

// TestEachValueIsUsed finds values that no template uses.
func TestEachValueIsUsed(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	for _, name := range deploytest.Glob(t, chart+"templates/*") {
		text.Write(deploytest.Read(t, name))
	}
	names := map[string]bool{}
	for _, v := range describe(t) {
		for name := range strings.SplitSeq(v.path, ".") {
			names[name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if !strings.Contains(text.String(), "."+name) {
			t.Errorf("no template uses %s", name)
		}
	}
}
