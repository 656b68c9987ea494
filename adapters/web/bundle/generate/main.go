// Command generate writes the built files of the packages for browsers, client/, react/ and
// elements/ below its argument, and static/page.js from page/. It is run by `go generate
// ./adapters/web`. .ci/types makes the type declarations.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/parley-chat/parley/adapters/web/bundle"
)

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(dir string) error {
	elements := filepath.Join(dir, "elements")
	for name, build := range map[string]func(string) ([]byte, error){"client": bundle.Client, "react": bundle.React} {
		built, err := build(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		if err := write(filepath.Join(dir, name, "dist"), map[string][]byte{"index.js": built}); err != nil {
			return err
		}
	}
	page, err := bundle.Page(filepath.Join(dir, "page"))
	if err != nil {
		return err
	}
	if err := write(filepath.Join(dir, "static"), map[string][]byte{"page.js": page}); err != nil {
		return err
	}
	files, err := bundle.Elements(elements)
	if err != nil {
		return err
	}
	return write(filepath.Join(elements, "dist"), files)
}

func write(dir string, files map[string][]byte) error {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // the files are public
		return err
	}
	for name, body := range files {
		if err := os.WriteFile(filepath.Join(dir, name), body, 0o644); err != nil { //nolint:gosec // as above
			return err
		}
	}
	return nil
}
