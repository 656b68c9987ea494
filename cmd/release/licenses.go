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

// systems are the systems of releases. The modules of a program may differ between them.
var systems = []string{"linux", "darwin", "windows"}

// licensed is a module and its source folder.
type licensed struct{ name, dir string }

// licenseFile matches a module's files with licenses and notices.
var licenseFile = regexp.MustCompile(`(?i)^(licen[sc]e|copying|notice|patents)([._-].*)?$`)

// writeLicenses writes the licenses of all modules that are linked into a program, on any of the
// systems: most licenses require this of distributors. It fails if a module has none.
func writeLicenses(ctx context.Context, pkg string, out io.Writer) error {
	modules, err := linked(ctx, pkg)
	if err != nil {
		return err
	}
	var texts []string // in the order in which they first occur
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

// linked lists the linked modules of others, and Go itself.
func linked(ctx context.Context, pkg string) ([]licensed, error) {
	root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return nil, told(err)
	}
	modules := []licensed{{"Go and its standard library", strings.TrimSpace(string(root))}}
	for _, system := range systems {
		list := exec.CommandContext(ctx, "go", "list", "-deps", //nolint:gosec // the caller names the package
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

// told adds a command's output to its error.
func told(err error) error {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return fmt.Errorf("%w: %s", err, exit.Stderr)
	}
	return err
}

// terms returns the texts of a module's license files.
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
