package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// systems are those that releases are made for. A program has modules on one that it lacks on
// another.
var systems = []string{"linux", "darwin", "windows"}

// licensed is a module with the folder of its sources.
type licensed struct{ name, dir string }

// licenseFile matches what a module puts its terms and its notices into.
var licenseFile = regexp.MustCompile(`(?i)^(licen[sc]e|copying|notice|patents)([._-].*)?$`)

// writeLicenses writes the terms of all that is linked into a program, on any of the systems, as
// most of them ask of who hands out copies. It fails where a module has none.
func writeLicenses(ctx context.Context, pkg string, out io.Writer) error {
	modules, err := linked(ctx, pkg)
	if err != nil {
		return err
	}
	var texts []string // in the order of their first modules
	of := map[string][]string{}
	for _, m := range modules {
		terms, err := m.terms()
		if err != nil {
			return err
		}
		if len(terms) == 0 {
			return fmt.Errorf("%s has no license in %s", m.name, m.dir)
		}
		for _, text := range terms {
			if of[text] == nil {
				texts = append(texts, text)
			}
			of[text] = append(of[text], m.name)
		}
	}
	w := bufio.NewWriter(out)
	fmt.Fprintln(w, "Parley is made of the following parts besides its own. These are their terms.")
	for _, text := range texts {
		fmt.Fprintf(w, "\n%s\n%s\n\n%s\n", strings.Repeat("=", 80), strings.Join(of[text], "\n"), text)
	}
	return w.Flush()
}

// linked lists the modules of others, and Go itself.
func linked(ctx context.Context, pkg string) ([]licensed, error) {
	root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return nil, told(err)
	}
	modules := []licensed{{"Go and its standard library", strings.TrimSpace(string(root))}}
	for _, system := range systems {
		list := exec.CommandContext(ctx, "go", "list", "-deps", //nolint:gosec // the package is named by whoever calls it
			"-f", "{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}\t{{.Dir}}{{end}}{{end}}", pkg)
		list.Env = append(os.Environ(), "GOOS="+system, "CGO_ENABLED=0")
		lines, err := list.Output()
		if err != nil {
			return nil, told(err)
		}
		for line := range strings.Lines(string(lines)) {
			if name, dir, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok {
				modules = append(modules, licensed{name, dir})
			}
		}
	}
	slices.SortFunc(modules[1:], func(a, b licensed) int { return strings.Compare(a.name, b.name) })
	return slices.Compact(modules), nil
}

// told is the error of a command with what the command said.
func told(err error) error {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return fmt.Errorf("%w: %s", err, exit.Stderr)
	}
	return err
}

// terms returns what a module's files of that kind say.
func (m licensed) terms() (texts []string, err error) {
	entries, err := os.ReadDir(m.dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if e.IsDir() || !licenseFile.MatchString(e.Name()) || filepath.Ext(e.Name()) == ".go" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(m.dir, e.Name()))
		if err != nil {
			return nil, err
		}
		texts = append(texts, string(bytes.TrimSpace(text)))
	}
	return texts, nil
}
