// Command generate writes the dashboards to the folder dashboards, one JSON file each. Run it by go
// generate.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/parley-chat/parley/deploy/grafana"
)

func main() {
	if err := write("dashboards"); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func write(dir string) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	for name, content := range grafana.Files() {
		//nolint:gosec // the files are public
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}
