// Command generate writes the built files of the packages for browsers that are its arguments, for
// `go generate ./adapters/web`. Their declarations of types are .ci/types's.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/parley-chat/parley/adapters/web/bundle"
)

func main() {
	for _, dir := range os.Args[1:] {
		if err := write(dir); err != nil {
			fmt.Fprintln(os.Stderr, "generate:", err)
			os.Exit(1)
		}
	}
}

func write(dir string) error {
	built, err := bundle.Client(dir)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "dist", "index.js"), built, 0o644) //nolint:gosec // the file is public
}
