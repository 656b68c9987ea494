package main

import (
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// build makes the service's program with the flags of a release, as version v1.2.3 of commit
// c0ffee.
func build(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "parley")
	flags := strings.ReplaceAll(releaseLDFlags(t), "v{{ .Version }}", "v1.2.3") +
		" -X github.com/parley-chat/parley/observability.revision=c0ffee"
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", flags, "-o", path, "../parley")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, out)
	}
	return path
}

func TestARelease(t *testing.T) {
	t.Parallel()
	binary := build(t)
	t.Run("says which version it is, and of which commit", func(t *testing.T) {
		t.Parallel()
		out, err := exec.CommandContext(t.Context(), binary, "version").Output()
		if err != nil || !strings.HasPrefix(string(out), "parley v1.2.3 (c0ffee, go") {
			t.Errorf("got %q, %v", out, err)
		}
	})
	t.Run("comes with a bill of all modules in it", func(t *testing.T) {
		t.Parallel()
		listsAllModules(t, binary)
	})
	t.Run("comes with the terms of all modules in it", func(t *testing.T) {
		t.Parallel()
		hasAllTerms(t, binary)
	})
}

func listsAllModules(t *testing.T, binary string) {
	to := filepath.Join(t.TempDir(), "parley.cdx.json")
	if err := run(t.Context(), []string{"sbom", "-version", "v1.2.3", "-o", to, binary}, nil); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(to)
	if err != nil {
		t.Fatal(err)
	}
	mustFit(t, "bom-1.6.schema.json", text)
	var again bytes.Buffer
	if err := run(t.Context(), []string{"sbom", "-version", "v1.2.3", binary}, &again); err != nil || !bytes.Equal(again.Bytes(), text) {
		t.Errorf("the bill of the same binary differs (%v)", err)
	}
	var bill sbom
	if err := json.Unmarshal(text, &bill); err != nil {
		t.Fatal(err)
	}
	if c := bill.Metadata.Component; c.Name != "github.com/parley-chat/parley" || c.Version != "v1.2.3" {
		t.Errorf("it is of %s %s", c.Name, c.Version)
	}
	listed := map[string]string{}
	for _, c := range bill.Components {
		listed[c.Name] = c.Version
	}
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	if listed["std"] != strings.TrimPrefix(info.GoVersion, "go") {
		t.Errorf("the standard library is listed as %q, want %q", listed["std"], info.GoVersion)
	}
	for _, dep := range info.Deps {
		if dep.Replace != nil {
			dep = dep.Replace
		}
		if listed[dep.Path] != dep.Version {
			t.Errorf("%s %s is listed as %q", dep.Path, dep.Version, listed[dep.Path])
		}
	}
	if want := len(info.Deps) + 1; len(listed) != want || want < 20 {
		t.Errorf("%d modules are listed, want %d", len(listed), want)
	}
}

func hasAllTerms(t *testing.T, binary string) {
	var out bytes.Buffer
	if err := run(t.Context(), []string{"licenses"}, &out); err != nil {
		t.Fatal(err)
	}
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"Go and its standard library"}
	for _, dep := range info.Deps {
		names = append(names, dep.Path+" "+dep.Version)
	}
	for _, name := range names {
		if !strings.Contains(out.String(), "\n"+name+"\n") {
			t.Errorf("the terms of %s are not there", name)
		}
	}
	for _, words := range []string{"Apache License", "Redistribution and use", "Permission is hereby granted"} {
		if !strings.Contains(out.String(), words) {
			t.Errorf("nothing says %q", words)
		}
	}
}

func TestTermsAreInFilesOfTheirNames(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"README.md", "LICENSE", "Licence.txt", "NOTICE", "license.go", "unlicensed"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	texts, err := licensed{"x", dir}.terms()
	if got := strings.Join(texts, " "); err != nil || got != "LICENSE Licence.txt NOTICE" {
		t.Errorf("got %q, %v", got, err)
	}
}

// mustFit validates JSON against a schema of testdata. The schemas are published by their projects:
// CycloneDX's with the two that it refers to, and goreleaser's as the output of `goreleaser
// jsonschema` of that version.
func mustFit(t *testing.T, schema string, text []byte) {
	t.Helper()
	c := jsonschema.NewCompiler()
	var id string
	for _, name := range []string{"spdx.schema.json", "jsf-0.82.schema.json", schema} {
		content, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		id, _ = doc.(map[string]any)["$id"].(string)
		if err := c.AddResource(id, doc); err != nil {
			t.Fatal(err)
		}
	}
	compiled, err := c.Compile(id)
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := compiled.Validate(value); err != nil {
		t.Errorf("it does not fit %s: %v", schema, err)
	}
}
