package main

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// config is the part of .goreleaser.yaml that the tests use.
type config struct {
	Builds []struct {
		Env, GOOS, GOARCH, Flags, LDFlags []string
		Timestamp                         string `yaml:"mod_timestamp"`
	}
	SBOMs []struct{ Artifacts string }
	Signs []struct{ Artifacts string }
}

func readConfig(t *testing.T) (c config, raw any) {
	t.Helper()
	text, err := os.ReadFile("../../.goreleaser.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &raw); err != nil {
		t.Fatal(err)
	}
	return c, raw
}

func releaseLDFlags(t *testing.T) string {
	t.Helper()
	c, _ := readConfig(t)
	return strings.Join(c.Builds[0].LDFlags, " ")
}

const goreleaserSchema = "goreleaser-v2.16.0.schema.json"

// `make release-check` uses goreleaser itself, which takes minutes to build; this uses its schema.
func TestTheConfigurationFitsGoreleasersSchema(t *testing.T) {
	t.Parallel()
	_, raw := readConfig(t)
	text, err := json.Marshal(raw)
	if err != nil {
		t.Fatal(err)
	}
	mustFit(t, goreleaserSchema, text)
}

func TestReleasesCanBeRebuiltAndVerified(t *testing.T) {
	t.Parallel()
	c, _ := readConfig(t)
	if len(c.Builds) != 1 || len(c.SBOMs) != 1 || len(c.Signs) != 1 {
		t.Fatalf("got %d builds, %d sboms, %d signs, want one of each", len(c.Builds), len(c.SBOMs), len(c.Signs))
	}
	b := c.Builds[0]
	for what, ok := range map[string]bool{
		"paths of the builder are cut":      slices.Contains(b.Flags, "-trimpath"),
		"the commit is recorded":            slices.Contains(b.Flags, "-buildvcs=true"),
		"no C library is needed":            slices.Contains(b.Env, "CGO_ENABLED=0"),
		"files have the commit's time":      b.Timestamp == "{{ .CommitTimestamp }}",
		"the common systems are there":      slices.Contains(b.GOOS, "linux") && slices.Contains(b.GOARCH, "arm64"),
		"each binary has its bill":          c.SBOMs[0].Artifacts == "binary",
		"what vouches for all is signed":    c.Signs[0].Artifacts == "checksum",
		"the version is where it is looked": strings.Contains(strings.Join(b.LDFlags, " "), "-X main.version=v{{ .Version }}"),
	} {
		if !ok {
			t.Errorf("it is not so that %s: %+v", what, c)
		}
	}
}

// Several files have the linker flags of programs.
func TestAllBuildsAreLinkedAlike(t *testing.T) {
	t.Parallel()
	stamp := regexp.MustCompile(` (-X|\$\(STAMP\)).*`)
	want := stamp.ReplaceAllString(releaseLDFlags(t), "")
	continued := regexp.MustCompile(`\\\n\s*`)
	built := regexp.MustCompile(`(?m)^[^#\n]*build -trimpath.* -ldflags ['"]([^'"]+)['"].* \./cmd/parley\)?$`)
	for _, file := range []string{"../../Makefile", "../../deploy/image/Dockerfile", "../../.ci/reproducible"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found := built.FindSubmatch(continued.ReplaceAll(text, []byte(" ")))
		if found == nil {
			t.Errorf("%s does not build ./cmd/parley with -trimpath and -ldflags", file)
			continue
		}
		if got := stamp.ReplaceAllString(string(found[1]), ""); got != want {
			t.Errorf("%s links with %q, releases with %q", file, got, want)
		}
	}
}

// The goreleaser that makes releases is the one whose schema is here.
func TestTheSchemaIsThatOfTheGoreleaserInUse(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../.ci/release")
	if err != nil {
		t.Fatal(err)
	}
	pins := regexp.MustCompile(`goreleaser/v2@(\S+)`).FindAllSubmatch(text, -1)
	if len(pins) != 1 || "goreleaser-"+string(pins[0][1])+".schema.json" != goreleaserSchema {
		t.Errorf(".ci/release pins %q, the schema is %s", pins, goreleaserSchema)
	}
}
