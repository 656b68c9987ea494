package cmd_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/parley-chat/parley/adapters/rest"
	"github.com/parley-chat/parley/adapters/wire"
)

// These tests check for every commit what code generators need; `make specs` runs the generators
// themselves.

// spec is one of the documents that describe the service.
type spec struct {
	name   string
	text   []byte
	served []byte // the same by gzip
	tree   map[string]any
}

func readSpecs(t *testing.T) []spec {
	t.Helper()
	specs := []spec{{name: "asyncapi.json", served: wire.AsyncAPI}, {name: "openapi.json", served: rest.OpenAPI}}
	for i, folder := range []string{"wire", "rest"} {
		s := &specs[i]
		var err error
		if s.text, err = os.ReadFile("../adapters/" + folder + "/" + s.name); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(s.text, &s.tree); err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
	}
	return specs
}

func TestTheDescriptionsAreServedAsTheyStand(t *testing.T) {
	t.Parallel()
	for _, s := range readSpecs(t) {
		r, err := gzip.NewReader(bytes.NewReader(s.served))
		if err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(r); err != nil || !bytes.Equal(text, s.text) {
			t.Errorf("%s.gz is of another text (%v): run make generate", s.name, err)
		}
	}
}

// at returns the object at a path, or nil.
func (s spec) at(path ...string) map[string]any {
	node := s.tree
	for _, name := range path {
		node, _ = node[name].(map[string]any)
	}
	return node
}

// schemas calls visit for each schema at any place, but not for examples.
func (s spec) schemas(visit func(at string, schema map[string]any)) {
	walkSchemas(s.name, s.tree, visit)
}

func walkSchemas(at string, node any, visit func(string, map[string]any)) {
	switch node := node.(type) {
	case map[string]any:
		if strings.HasSuffix(at, "/properties") {
			for name, schema := range node {
				walkSchemas(at+"/"+name+"/", schema, visit) // a member may have any name, even a keyword of schemas
			}
			return
		}
		visit(at, node)
		for name, child := range node {
			if name != "examples" && name != "example" && name != "default" {
				walkSchemas(at+"/"+name, child, visit)
			}
		}
	case []any:
		for i, child := range node {
			walkSchemas(fmt.Sprint(at, "/", i), child, visit)
		}
	}
}

// Generators make a type of each schema, parameter, answer and channel, and a constant of each
// value, mostly in one namespace. So names must be unique, even without regard to case and
// punctuation.
func TestNoTwoNamesOfTheSpecsCollide(t *testing.T) {
	t.Parallel()
	for _, s := range readSpecs(t) {
		taken := map[string]string{}
		for _, path := range [][]string{
			{"channels"},
			{"components", "schemas"},
			{"components", "parameters"},
			{"components", "responses"},
			{"components", "requestBodies"},
			{"components", "headers"},
		} {
			for name := range s.at(path...) {
				here := strings.Join(path, ".") + "." + name
				if other, ok := taken[folded(name)]; ok {
					t.Errorf("%s: %s and %s are one name for generators", s.name, other, here)
				}
				taken[folded(name)] = here
			}
		}
		if len(taken) < 20 {
			t.Errorf("%s: found no more names than %v", s.name, slices.Sorted(maps.Values(taken)))
		}
		s.schemas(func(at string, schema map[string]any) {
			values, _ := schema["enum"].([]any)
			for _, value := range append(values, schema["const"]) {
				text, _ := value.(string)
				if other, ok := taken[folded(text)]; ok {
					t.Errorf("%s: the value %q at %s is one name with %s for generators", s.name, text, at, other)
				}
			}
		})
	}
}

// folded reduces a name to what distinguishes it in any language: letters and digits, in lower
// case.
func folded(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, name)
}

func TestValuesOfTheSpecsHaveATypeBesideThem(t *testing.T) {
	t.Parallel()
	for _, s := range readSpecs(t) {
		found := 0
		s.schemas(func(at string, schema map[string]any) {
			for _, word := range []string{"const", "enum"} {
				if _, ok := schema[word]; !ok {
					continue
				}
				found++
				if _, ok := schema["type"].(string); !ok {
					t.Errorf("%s has %s and no type beside it", at, word)
				}
			}
		})
		if found == 0 {
			t.Errorf("%s: found no values", s.name)
		}
	}
}

// If an object may match several alternatives, validators refuse it, and clients may read it as the
// wrong one.
func TestAlternativesOfTheSpecsExcludeEachOther(t *testing.T) {
	t.Parallel()
	for _, s := range readSpecs(t) {
		found := 0
		s.schemas(func(at string, schema map[string]any) {
			alternatives, _ := schema["oneOf"].([]any)
			for i := range alternatives {
				for _, other := range alternatives[i+1:] {
					found++
					if !exclude(s.resolved(alternatives[i]), s.resolved(other)) {
						t.Errorf("%s: something may fit both %v and %v", at, alternatives[i], other)
					}
				}
			}
		})
		if found == 0 {
			t.Errorf("%s: found no alternatives", s.name)
		}
	}
}

func (s spec) resolved(node any) map[string]any {
	schema, _ := node.(map[string]any)
	if to, ok := schema["$ref"].(string); ok {
		return s.at(strings.Split(strings.TrimPrefix(to, "#/"), "/")...)
	}
	return schema
}

// exclude reports whether no object matches both: they require different values of one member, or
// one forbids what the other requires.
func exclude(a, b map[string]any) bool {
	for _, name := range required(a) {
		x, y := member(a, name)["const"], member(b, name)["const"]
		if x != nil && y != nil && x != y && slices.Contains(required(b), name) {
			return true
		}
	}
	return forbids(a, b) || forbids(b, a)
}

func forbids(a, b map[string]any) bool {
	not, _ := a["not"].(map[string]any)
	names := required(not)
	return len(names) == 1 && not["properties"] == nil && slices.Contains(required(b), names[0])
}

func required(schema map[string]any) (names []string) {
	list, _ := schema["required"].([]any)
	for _, name := range list {
		names = append(names, fmt.Sprint(name))
	}
	return names
}

func member(schema map[string]any, name string) map[string]any {
	properties, _ := schema["properties"].(map[string]any)
	m, _ := properties[name].(map[string]any)
	return m
}

// For openapi-typescript a default makes a member required, even in requests: there the description
// must tell the default.
func TestBodiesOfTheSpecHaveNoDefaults(t *testing.T) {
	t.Parallel()
	openapi := readSpecs(t)[1]
	for name, schema := range openapi.at("components", "schemas") {
		walkSchemas(name, schema, func(at string, schema map[string]any) {
			if _, ok := schema["default"]; ok {
				t.Errorf("%s has a default", at)
			}
		})
	}
}
