package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/parley-chat/parley/adapters/postgres/pgtest"
	"github.com/parley-chat/parley/adapters/sqlite"
	"github.com/parley-chat/parley/core/chat"
)

// logOf returns the identity of the log in a file, as the command prints it.
func logOf(t *testing.T, path string) chat.LogID {
	t.Helper()
	code, out, errOut := call(t, []string{"PARLEY_STORE_URL=sqlite://" + filepath.ToSlash(path)}, "log")
	if code != ok {
		t.Fatalf("log: %d %q", code, errOut)
	}
	return chat.LogID(strings.TrimSpace(out))
}

func TestLogIsShownAndRenewed(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "parley.db")
	store, err := sqlite.Open(t.Context(), sqlite.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close() // it stays open, because a service may use it
	database := pgtest.URL(t)
	for _, environ := range [][]string{{"PARLEY_STORE_URL=sqlite://" + filepath.ToSlash(path)}, {"PARLEY_STORE_URL=" + database}} {
		if code, _, errOut := call(t, environ, "migrate", "up"); code != ok {
			t.Fatalf("migrate: %d %q", code, errOut)
		}
		_, first, _ := call(t, environ, "log")
		if first = strings.TrimSpace(first); len(first) < 16 || strings.ContainsAny(first, " \n") {
			t.Errorf("the log is %q", first)
		}
		code, _, errOut := call(t, environ, "log", "renew")
		if code != misused || !strings.Contains(errOut, "--yes") || !strings.Contains(errOut, "drop") {
			t.Errorf("without --yes: %d %q", code, errOut)
		}
		if _, out, _ := call(t, environ, "log"); strings.TrimSpace(out) != first {
			t.Errorf("without --yes it is %q", out)
		}
		code, out, errOut := call(t, environ, "log", "renew", "--yes")
		if code != ok || !strings.Contains(out, first) {
			t.Errorf("renew: %d %q %q", code, out, errOut)
		}
		if _, now, _ := call(t, environ, "log"); strings.TrimSpace(now) == first || !strings.Contains(out, strings.TrimSpace(now)) {
			t.Errorf("renewed it is %q; told was %q", now, out)
		}
	}
}

func TestLogSaysWhyThereIsNone(t *testing.T) {
	t.Parallel()
	nowhere := filepath.ToSlash(filepath.Join(t.TempDir(), "parley.db"))
	for name, row := range map[string]struct {
		store string
		args  []string
		code  int
		says  string
	}{
		"no file":         {"sqlite://" + nowhere, []string{"log"}, failed, "there is no store"},
		"no file to mend": {"sqlite://" + nowhere, []string{"log", "renew", "--yes"}, failed, "there is no store"},
		"memory":          {"memory://", []string{"log"}, failed, "memory://"},
		"no such word":    {"sqlite://" + nowhere, []string{"log", "show"}, misused, "log renew --yes"},
		"too many words":  {"sqlite://" + nowhere, []string{"log", "renew", "now"}, misused, "log renew --yes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, _, errOut := call(t, []string{"PARLEY_STORE_URL=" + row.store}, row.args...)
			if code != row.code || !strings.Contains(errOut, row.says) {
				t.Errorf("got %d %q", code, errOut)
			}
		})
	}
}
