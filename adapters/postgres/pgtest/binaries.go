package pgtest

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

var errNoServer = errors.New("no PostgreSQL server found: install one (Debian: apt-get install postgresql; macOS: " +
	"brew install postgresql@17), or set PARLEY_TEST_POSTGRES_URL to a URL of a server on which databases may be created")

// places are the folders in which distributions put the server's programs, mostly outside PATH.
// Each path contains the version.
var places = []string{
	"/usr/lib/postgresql/*/bin",                               // Debian
	"/usr/pgsql-*/bin",                                        // PGDG on Fedora and the like
	"/opt/homebrew/opt/postgresql@*/bin",                      // Homebrew, Apple silicon
	"/usr/local/opt/postgresql@*/bin",                         // Homebrew, Intel
	"/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin",         // Homebrew, Linux
	"/Applications/Postgres.app/Contents/Versions/[0-9]*/bin", // Postgres.app
}

// findBinaries returns the folder that holds initdb, postgres and pg_ctl: the newest of places,
// else the one in PATH.
func findBinaries() (string, error) {
	var found []string
	for _, place := range places {
		match, err := filepath.Glob(place)
		if err != nil {
			return "", err
		}
		found = append(found, match...)
	}
	slices.SortStableFunc(found, func(a, b string) int { return versionIn(b) - versionIn(a) })
	if out, err := exec.Command("pg_config", "--bindir").Output(); err == nil {
		found = append(found, strings.TrimSpace(string(out)))
	}
	if initdb, err := exec.LookPath("initdb"); err == nil {
		if target, err := filepath.EvalSymlinks(initdb); err == nil {
			found = append(found, filepath.Dir(target))
		}
	}
	for _, dir := range found {
		if complete(dir) {
			return dir, nil
		}
	}
	return "", errNoServer
}

// complete reports whether a folder has the server's programs, and not only the client's.
func complete(dir string) bool {
	return !slices.ContainsFunc([]string{"initdb", "postgres", "pg_ctl"}, func(program string) bool {
		info, err := os.Stat(filepath.Join(dir, program))
		return err != nil || !info.Mode().IsRegular()
	})
}

// versionIn returns the major version in a path of places, 0 if it is unknown.
func versionIn(dir string) int {
	name := filepath.Base(filepath.Dir(dir))
	name = name[strings.LastIndexAny(name, "@-")+1:]
	major, _, _ := strings.Cut(name, ".")
	version, err := strconv.Atoi(major)
	if err != nil {
		return 0
	}
	return version
}
