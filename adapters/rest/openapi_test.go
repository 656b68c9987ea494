package rest_test

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/parley-chat/parley/adapters/rest"
	"github.com/parley-chat/parley/adapters/sse"
)

// described checks every request and answer of the tests against the description.
var described = sync.OnceValue(readDescription)

// description is openapi.json, with compilers for its schemas of bodies.
type description struct {
	doc    map[string]any
	mu     sync.Mutex
	strict *jsonschema.Compiler // allows only members that are named
	lax    *jsonschema.Compiler
	seen   map[string]bool // operations that succeeded
}

const address = "https://parley.example/openapi.json"

//go:embed openapi.json
var openAPI []byte

func readDescription() *description {
	d := &description{seen: map[string]bool{}}
	if err := json.Unmarshal(openAPI, &d.doc); err != nil {
		panic(err)
	}
	compiler := func(closed bool) *jsonschema.Compiler {
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(openAPI))
		if err != nil {
			panic(err)
		}
		if closed {
			closeObjects(doc)
		}
		c := jsonschema.NewCompiler()
		c.DefaultDraft(jsonschema.Draft2020)
		c.AssertFormat()
		if err := c.AddResource(address, doc); err != nil {
			panic(err)
		}
		return c
	}
	d.strict, d.lax = compiler(true), compiler(false)
	return d
}

// closeObjects forbids members that an object's schema does not name.
func closeObjects(node any) {
	switch node := node.(type) {
	case map[string]any:
		if _, ok := node["properties"].(map[string]any); ok && node["type"] == "object" {
			node["additionalProperties"] = false
		}
		for _, child := range node {
			closeObjects(child)
		}
	case []any:
		for _, child := range node {
			closeObjects(child)
		}
	}
}

// check compares one request and its answer with the description.
func (d *description) check(t *testing.T, req *http.Request, body string, res *http.Response, text []byte) {
	t.Helper()
	if req.Method == http.MethodOptions && res.StatusCode == http.StatusNoContent {
		return // a browser's preflight is not an operation of the API
	}
	asked := req.Method + " " + req.URL.RequestURI()
	template, values := d.route(req.URL)
	pointer := []string{"paths", template, strings.ToLower(req.Method)}
	op, ok := d.at(pointer...).(map[string]any)
	if !ok {
		if res.StatusCode != http.StatusNotFound && res.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("%s: got %d, and there is no such operation", asked, res.StatusCode)
		}
		d.valid(t, asked, d.strict, string(text), "components", "schemas", "Error")
		return
	}
	status := fmt.Sprint(res.StatusCode)
	at := d.resolve(append(pointer, "responses", status)...)
	said, ok := d.at(at...).(map[string]any)
	if !ok {
		t.Errorf("%s: %d is not described", asked, res.StatusCode)
		return
	}
	if _, ok := said["content"]; ok {
		d.valid(t, asked, d.strict, string(text), append(at, "content", "application/json", "schema")...)
	} else if len(text) > 0 {
		t.Errorf("%s: a body comes with %d", asked, res.StatusCode)
	}
	headers, _ := said["headers"].(map[string]any)
	for name := range headers {
		if res.Header.Get(name) == "" {
			t.Errorf("%s: there is no %s with %d", asked, name, res.StatusCode)
		}
	}
	if res.StatusCode >= http.StatusBadRequest {
		return
	}
	d.mu.Lock()
	d.seen[req.Method+" "+template] = true
	d.mu.Unlock()
	if of, ok := op["requestBody"].(map[string]any); ok {
		if required, _ := of["required"].(bool); body == "" && !required {
			d.checkParameters(t, req, template, values)
			return
		}
		d.valid(t, asked, d.lax, body, append(pointer, "requestBody", "content", "application/json", "schema")...)
	} else if body != "" {
		t.Errorf("%s: a body is taken that is not described", asked)
	}
	d.checkParameters(t, req, template, values)
}

// checkParameters compares path, query and headers of an accepted request with the description.
func (d *description) checkParameters(t *testing.T, req *http.Request, template string, values map[string]string) {
	t.Helper()
	given := map[string]string{}
	for name, value := range values {
		given["path "+name] = value
	}
	for name := range req.URL.Query() {
		given["query "+name] = req.URL.Query().Get(name)
	}
	delete(given, "query access_token") // a security scheme
	for _, name := range []string{"Idempotency-Key", "If-Match"} {
		if value := req.Header.Get(name); value != "" {
			given["header "+name] = value
		}
	}
	if as := req.Header.Get("Parley-As"); as != "" {
		given["header Parley-As"] = as
	}
	for _, list := range [][]string{{"paths", template, "parameters"}, {"paths", template, strings.ToLower(req.Method), "parameters"}} {
		items, _ := d.at(list...).([]any)
		for i := range items {
			at := d.resolve(append(slices.Clone(list), fmt.Sprint(i))...)
			p := d.at(at...).(map[string]any)
			name := p["in"].(string) + " " + p["name"].(string)
			value, ok := given[name]
			if !ok {
				continue
			}
			delete(given, name)
			if schema := d.at(d.resolve(append(at, "schema")...)...).(map[string]any); schema["type"] != "integer" {
				value = quote(value)
			}
			d.valid(t, name, d.strict, value, append(at, "schema")...)
		}
	}
	if len(given) > 0 {
		t.Errorf("%s %s takes what is not described: %v", req.Method, template, given)
	}
}

func quote(s string) string {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// route returns the description's path for an address, and the values of its parameters.
func (d *description) route(u *url.URL) (template string, values map[string]string) {
	for template := range d.at("paths").(map[string]any) {
		pattern := regexp.MustCompile(`\{(\w+)\}`).ReplaceAllString(template, `(?P<$1>[^/]+)`)
		matcher := regexp.MustCompile("^" + pattern + "$")
		found := matcher.FindStringSubmatch(u.EscapedPath())
		if found == nil {
			continue
		}
		values := map[string]string{}
		for i, name := range matcher.SubexpNames()[1:] {
			values[name], _ = url.PathUnescape(found[i+1])
		}
		return template, values
	}
	return "", nil
}

// at returns the description's value at a path, or nil.
func (d *description) at(path ...string) any {
	var node any = d.doc
	for _, name := range path {
		switch in := node.(type) {
		case map[string]any:
			node = in[name]
		case []any:
			var i int
			if _, err := fmt.Sscan(name, &i); err != nil || i >= len(in) {
				return nil
			}
			node = in[i]
		default:
			return nil
		}
	}
	return node
}

// resolve follows the $ref at a path, if there is one.
func (d *description) resolve(path ...string) []string {
	node, _ := d.at(path...).(map[string]any)
	if ref, ok := node["$ref"].(string); ok {
		return strings.Split(strings.TrimPrefix(ref, "#/"), "/")
	}
	return path
}

// valid checks a JSON text by the schema at a path of the description.
func (d *description) valid(t *testing.T, what string, by *jsonschema.Compiler, text string, path ...string) {
	t.Helper()
	escaped := make([]string, len(path))
	for i, name := range path {
		escaped[i] = url.PathEscape(strings.NewReplacer("~", "~0", "/", "~1").Replace(name))
	}
	d.mu.Lock()
	schema, err := by.Compile(address + "#/" + strings.Join(escaped, "/"))
	d.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Errorf("%s: %q: %v", what, text, err)
		return
	}
	if err := schema.Validate(value); err != nil {
		t.Errorf("%s: %s: %v", what, text, err)
	}
}

// operations are all of the description, as "GET /v1/rooms".
func (d *description) operations() (all []string) {
	for template, item := range d.at("paths").(map[string]any) {
		for method := range item.(map[string]any) {
			if method != "parameters" {
				all = append(all, strings.ToUpper(method)+" "+template)
			}
		}
	}
	slices.Sort(all)
	return all
}

// unproved returns the operations that succeeded in no test.
func (d *description) unproved() []string {
	return slices.DeleteFunc(d.operations(), func(op string) bool { return d.seen[op] || isProbe(op) || isStream(op) })
}

// isProbe reports whether an operation is answered by the service, and not by this package.
func isProbe(op string) bool { return op == "GET /healthz" || op == "GET /readyz" }

// isStream reports whether an operation is answered by package sse, whose tests prove it.
func isStream(op string) bool {
	return op == "GET /v1/stream" || op == "GET /v1/rooms/{room}/stream" || op == "GET /v1/ds/rooms/{room}"
}

func TestTheDescriptionHasEveryRouteAndNoOther(t *testing.T) {
	t.Parallel()
	app := fiber.New()
	rest.New(rest.Config{}).Routes(app)
	sse.New(sse.Config{}).Routes(app)
	served := map[string]bool{}
	for _, route := range app.GetRoutes(true) {
		if route.Method != http.MethodHead {
			served[route.Method+" "+regexp.MustCompile(`:(\w+)`).ReplaceAllString(route.Path, "{$1}")] = true
		}
	}
	described := slices.DeleteFunc(described().operations(), isProbe)
	if got := slices.Sorted(maps.Keys(served)); !slices.Equal(got, described) {
		t.Errorf("served:\n%s\ndescribed:\n%s", strings.Join(got, "\n"), strings.Join(described, "\n"))
	}
}

func TestEverySchemaOfTheDescriptionCompilesAndIsUsed(t *testing.T) {
	t.Parallel()
	d := described()
	for _, kind := range []string{"schemas", "responses", "parameters"} {
		for name := range d.at("components", kind).(map[string]any) {
			if !bytes.Contains(openAPI, []byte(`"#/components/`+kind+`/`+name+`"`)) {
				t.Errorf("nothing uses %s %s", kind, name)
			}
			if kind == "schemas" {
				d.mu.Lock()
				_, err := d.strict.Compile(address + "#/components/schemas/" + name)
				d.mu.Unlock()
				if err != nil {
					t.Error(err)
				}
			}
		}
	}
}

func TestTheDescriptionsAreServedToAll(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.as("").gets("/openapi.json").is(200, `{"openapi":"3.1.0"}`).with("Access-Control-Allow-Origin", "*")
	s.as("").gets("/asyncapi.json").is(200, `{"asyncapi":"*"}`)
}
