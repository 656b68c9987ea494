// Command generate writes the built files of the packages for browsers that are its arguments, for
// `go generate ./adapters/web`. Their declarations of types are .ci/types's.
package main

import (
	"log"
	"os"
	"path/filepath"

	"github.com/parley-chat/parley/adapters/web/bundle"
)

func main() {
	for _, dir := range os.Args[1:] {
		built, err := bundle.Client(dir)
		if err == nil {
			err = os.MkdirAll(filepath.Join(dir, "dist"), 0o755)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "dist", "index.js"), built, 0o644)
		}
		if err != nil {
			log.Fatalf("%s: %v", dir, err)
		}
	}
}
