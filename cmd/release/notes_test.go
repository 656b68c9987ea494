package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

const changelog = `# Changelog

All that users notice.

## [Unreleased]

## [1.1.0] - 2026-12-01

### Added
- Something new.

## [1.0.1] - 2026-11-30
### Fixed
- Something old.
`

func TestNotesAreWhatTheChangelogSays(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ version, want string }{
		{"v1.1.0", "### Added\n- Something new.\n"},
		{"1.0.1", "### Fixed\n- Something old.\n"},
		{"v1.0", ""},
		{"v1.1.0-rc.1", ""},
		{"Unreleased", ""},
		{"", ""},
	} {
		got, err := notes(changelog, row.version)
		if got != row.want || (err == nil) != (row.want != "") {
			t.Errorf("%q: got %q, %v; want %q", row.version, got, err, row.want)
		}
	}
}

// The unreleased part becomes the next version's notes: it has the same form, and only the groups
// of the form.
func TestTheChangelogCanBeRead(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := run(t.Context(), []string{"notes", "-changelog", "../../CHANGELOG.md", "Unreleased"}, &out); err != nil {
		t.Fatal(err)
	}
	groups := map[string]bool{"Added": true, "Changed": true, "Deprecated": true, "Removed": true, "Fixed": true, "Security": true}
	text, err := os.ReadFile("../../CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if group, ok := strings.CutPrefix(strings.TrimSpace(line), "### "); ok && !groups[group] {
			t.Errorf("%q is no group of a changelog", group)
		}
	}
}
