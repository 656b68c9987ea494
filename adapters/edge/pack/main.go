// Command pack compresses each FILE of its arguments into FILE.gz. It is for documents that the
// service contains only in compressed form. go generate runs it.
package main

import (
	"bytes"
	"fmt"
	"os"

	"github.com/klauspost/compress/gzip"
)

func main() {
	for _, name := range os.Args[1:] {
		if err := pack(name); err != nil {
			fmt.Fprintln(os.Stderr, "pack:", err)
			os.Exit(1)
		}
	}
}

func pack(name string) error {
	body, err := os.ReadFile(name) //nolint:gosec // who calls it says of which
	if err != nil {
		return err
	}
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := w.Write(body); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return os.WriteFile(name+".gz", packed.Bytes(), 0o644) //nolint:gosec // the file is public
}
