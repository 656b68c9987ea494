package helm_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/parley-chat/parley/deploy/deploytest"
)

// kubernetes has the schemas of one version: the OpenAPI documents of its API server, and custom
// resources.
type kubernetes struct {
	dir string // with a document for each group and version

	mu        sync.Mutex
	documents map[string]document // by apiVersion
}

// document has all schemas of a group and version, by name: in the original and in the checked
// form.
type document struct{ schemas, closed map[string]any }

// newKubernetes reads custom resources; documents of Kubernetes' own are read when they are needed.
func newKubernetes(t *testing.T, version string) *kubernetes {
	t.Helper()
	k := &kubernetes{dir: filepath.Join(deploytest.Root(t), ".tools", "kubernetes", version), documents: map[string]document{}}
	if _, err := os.Stat(k.dir); err != nil {
		t.Fatalf("there are no schemas of Kubernetes %s; run make tools: %v", version, err)
	}
	for _, definition := range deploytest.YAML(t, deploytest.Read(t, "deploy/helm/testdata/crds/monitors.yaml")) {
		spec := object(definition["spec"])
		for _, v := range spec["versions"].([]any) {
			group, version, kind := spec["group"], object(v)["name"], object(spec["names"])["kind"]
			schema := object(asJSON(t, object(object(v)["schema"])["openAPIV3Schema"]))
			schema["x-kubernetes-group-version-kind"] = []any{map[string]any{"group": group, "version": version, "kind": kind}}
			apiVersion := fmt.Sprint(group, "/", version)
			of, found := k.documents[apiVersion]
			if !found {
				of = document{map[string]any{}, map[string]any{}}
				k.documents[apiVersion] = of
			}
			of.schemas[kind.(string)], of.closed[kind.(string)] = schema, closed(schema)
		}
	}
	return k
}

// asJSON converts YAML's values to JSON's.
func asJSON(t *testing.T, value any) any {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	value, err = jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func object(value any) map[string]any {
	o, _ := value.(map[string]any)
	return o
}

// document returns the schemas of a group and version.
func (k *kubernetes) document(apiVersion string) (document, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if of, found := k.documents[apiVersion]; found {
		return of, nil
	}
	path := "apis/" + apiVersion
	if !strings.Contains(apiVersion, "/") {
		path = "api/" + apiVersion
	}
	text, err := os.ReadFile(filepath.Join(k.dir, filepath.FromSlash(path)+".json"))
	if err != nil {
		return document{}, fmt.Errorf("there is no %s: %w", apiVersion, err)
	}
	all, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return document{}, err
	}
	of := document{schemas: object(object(object(all)["components"])["schemas"]), closed: map[string]any{}}
	for name, schema := range of.schemas {
		of.closed[name] = closed(schema)
	}
	k.documents[apiVersion] = of
	return of, nil
}

// refused returns all reasons for which the API server would refuse an object.
func (k *kubernetes) refused(t *testing.T, o map[string]any) error {
	t.Helper()
	o = object(asJSON(t, o))
	apiVersion, _ := o["apiVersion"].(string)
	of, err := k.document(apiVersion)
	if err != nil {
		return err
	}
	name := of.named(apiVersion, o["kind"])
	if name == "" {
		return fmt.Errorf("%s has no %s", apiVersion, o["kind"])
	}
	compiler := jsonschema.NewCompiler()
	const at = "https://kubernetes/openapi.json"
	if err := compiler.AddResource(at, map[string]any{"components": map[string]any{"schemas": of.closed}}); err != nil {
		return err
	}
	schema, err := compiler.Compile(at + "#/components/schemas/" + name)
	if err != nil {
		return err
	}
	return errors.Join(schema.Validate(o), doubled(of.schemas, object(of.schemas[name]), o, ""), misnamed(object(o["metadata"])))
}

// named returns the name of the schema of a kind.
func (d document) named(apiVersion string, kind any) string {
	group, version, found := strings.Cut(apiVersion, "/")
	if !found {
		group, version = "", apiVersion
	}
	for name, schema := range d.schemas {
		of, _ := object(schema)["x-kubernetes-group-version-kind"].([]any)
		if slices.ContainsFunc(of, func(v any) bool {
			return object(v)["group"] == group && object(v)["version"] == version && object(v)["kind"] == kind
		}) {
			return name
		}
	}
	return ""
}

// closed returns a schema that allows only the fields that it names, like the API server. It
// converts the extensions of OpenAPI and Kubernetes, and removes defaults and examples.
func closed(schema any) any {
	switch schema := schema.(type) {
	case []any:
		all := make([]any, len(schema))
		for i, s := range schema {
			all[i] = closed(s)
		}
		return all
	case map[string]any:
		all := map[string]any{}
		for name, value := range schema {
			switch name {
			case "default", "example", "description":
			case "properties":
				fields := map[string]any{}
				for field, s := range object(value) {
					fields[field] = closed(s)
				}
				all[name] = fields
			default:
				all[name] = closed(value)
			}
		}
		open := all["additionalProperties"] != nil || all["x-kubernetes-preserve-unknown-fields"] != nil
		if all["properties"] != nil && !open {
			all["additionalProperties"] = false
		}
		return all
	}
	return schema
}

// doubled returns an error if a list whose items are identified by keys, or by themselves, has one
// of them twice.
func doubled(schemas, schema map[string]any, value any, path string) error {
	schema = resolved(schemas, schema)
	switch value := value.(type) {
	case map[string]any:
		var errs []error
		for _, name := range slices.Sorted(maps.Keys(value)) {
			field := object(object(schema["properties"])[name])
			if field == nil {
				field = object(schema["additionalProperties"])
			}
			errs = append(errs, doubled(schemas, field, value[name], path+"."+name))
		}
		return errors.Join(errs...)
	case []any:
		items := resolved(schemas, object(schema["items"]))
		var errs []error
		var seen []any
		for i, item := range value {
			at := fmt.Sprintf("%s[%d]", path, i)
			errs = append(errs, doubled(schemas, items, item, at))
			key, told := toldApart(schema, items, item)
			if told && slices.ContainsFunc(seen, func(other any) bool { return reflect.DeepEqual(other, key) }) {
				errs = append(errs, fmt.Errorf("%s is there twice: %v", at, key))
			}
			seen = append(seen, key)
		}
		return errors.Join(errs...)
	}
	return nil
}

// toldApart returns what identifies an item of a list, if anything does.
func toldApart(list, items map[string]any, item any) (key any, told bool) {
	switch list["x-kubernetes-list-type"] {
	case "set":
		return item, true
	case "map":
		var keys []any
		names, _ := list["x-kubernetes-list-map-keys"].([]any)
		for _, name := range names {
			value := object(item)[name.(string)]
			if value == nil {
				value = object(object(items["properties"])[name.(string)])["default"]
			}
			keys = append(keys, value)
		}
		return keys, true
	}
	return nil, false
}

// resolved follows references.
func resolved(schemas, schema map[string]any) map[string]any {
	reference, _ := schema["$ref"].(string)
	if all, _ := schema["allOf"].([]any); len(all) == 1 && reference == "" {
		reference, _ = object(all[0])["$ref"].(string)
	}
	if reference == "" {
		return schema
	}
	next := maps.Clone(resolved(schemas, object(schemas[strings.TrimPrefix(reference, "#/components/schemas/")])))
	for _, own := range []string{"x-kubernetes-list-type", "x-kubernetes-list-map-keys"} {
		if schema[own] != nil {
			next[own] = schema[own]
		}
	}
	return next
}

// The formats of https://kubernetes.io/docs/concepts/overview/working-with-objects/names/ and
// labels/.
var (
	subdomain  = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)
	qualified  = regexp.MustCompile(`^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$`)
	labelValue = regexp.MustCompile(`^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$`)
)

// misnamed returns what is wrong with the names of an object, which schemas do not check.
func misnamed(metadata map[string]any) error {
	var errs []error
	if name, _ := metadata["name"].(string); len(name) > 253 || !subdomain.MatchString(name) {
		errs = append(errs, fmt.Errorf("metadata.name: %q is none", name))
	}
	for label, value := range object(metadata["labels"]) {
		if text, _ := value.(string); !qualified.MatchString(label) || !labelValue.MatchString(text) {
			errs = append(errs, fmt.Errorf("metadata.labels: %s=%q is none", label, value))
		}
	}
	for name := range object(metadata["annotations"]) {
		if !qualified.MatchString(strings.ToLower(name)) {
			errs = append(errs, fmt.Errorf("metadata.annotations: %q is none", name))
		}
	}
	return errors.Join(errs...)
}

func TestKubernetesRefusesWhatItDoesNotTake(t *testing.T) {
	t.Parallel()
	k := newKubernetes(t, "1.30")
	const service = "apiVersion: v1\nkind: Service\nmetadata: {name: x}\n"
	const pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\n"
	for name, row := range map[string]struct{ yaml, want string }{
		"a misspelt field":             {service + "spec: {portz: []}", "portz"},
		"one further in":               {service + "spec: {ports: [{port: 1, name: a, nodeport: 3}]}", "nodeport"},
		"a field that is missing":      {service + "spec: {ports: [{name: a}]}", "port"},
		"a value of the wrong type":    {service + "spec: {ports: [{port: many}]}", "want integer"},
		"a port twice":                 {service + "spec: {ports: [{port: 1, name: a}, {port: 1, name: b, protocol: TCP}]}", "twice"},
		"a container twice":            {pod + "spec: {containers: [{name: a}, {name: a}]}", "twice"},
		"a name with capitals":         {"apiVersion: v1\nkind: Secret\nmetadata: {name: X}", `"X" is none`},
		"a label that is none":         {"apiVersion: v1\nkind: Secret\nmetadata: {name: x, labels: {a: b c}}", `"b c" is none`},
		"a label of a number":          {"apiVersion: v1\nkind: Secret\nmetadata: {name: x, labels: {a: 1}}", "want string"},
		"an annotation's name":         {"apiVersion: v1\nkind: Secret\nmetadata: {name: x, annotations: {'a b': c}}", `"a b" is none`},
		"a kind that is none":          {"apiVersion: v1\nkind: Deployment\nmetadata: {name: x}", "has no Deployment"},
		"a version that is none":       {"apiVersion: apps/v2\nkind: Deployment\nmetadata: {name: x}", "no apps/v2"},
		"of a custom one, a misspelt":  {"apiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: x}\nspec: {selector: {}, endpoint: []}", "endpoint"},
		"of a custom one, what is not": {"apiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: x}\nspec: {endpoints: []}", "selector"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := k.refused(t, deploytest.YAML(t, []byte(row.yaml))[0])
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %v, want it to say %q", err, row.want)
			}
		})
	}
	const sleep = pod + "spec: {containers: [{name: a, lifecycle: {preStop: {sleep: {seconds: 1}}}}]}"
	if err := k.refused(t, deploytest.YAML(t, []byte(sleep))[0]); err != nil {
		t.Errorf("1.30 does not take a container that sleeps: %v", err)
	}
	if err := newKubernetes(t, "1.27").refused(t, deploytest.YAML(t, []byte(sleep))[0]); err == nil {
		t.Error("1.27 takes a container that sleeps")
	}
}
