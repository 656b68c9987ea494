package deploytest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Root returns the root of the repository.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if filepath.Dir(dir) == dir {
			t.Fatal("there is no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
}

// Tool runs a program of .tools and returns its output; an error contains the output too. The test
// fails if the program is missing.
func Tool(t testing.TB, name string, args ...string) (string, error) {
	t.Helper()
	return ToolReading(t, "", name, args...)
}

// ToolReading is Tool for a program that reads its standard input.
func ToolReading(t testing.TB, input, name string, args ...string) (string, error) {
	t.Helper()
	path := filepath.Join(Root(t), ".tools", name)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%s is not there; make tools builds it: %v", name, err)
	}
	cmd := exec.Command(path, args...)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.Output()
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		err = fmt.Errorf("%s: %w\n%s%s", name, err, exit.Stderr, out)
	}
	return string(out), err
}

// Read returns a file of the repository, by its path below the root.
func Read(t testing.TB, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(Root(t), filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// Glob returns the paths, below the repository's root, of the files that match a pattern.
func Glob(t testing.TB, pattern string) (names []string) {
	t.Helper()
	root := Root(t)
	paths, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(pattern)))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		name, err := filepath.Rel(root, path)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, filepath.ToSlash(name))
	}
	return names
}
