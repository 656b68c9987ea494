//go:build !linux && !darwin

// Command parley-bench measures Parley, and what it is compared with. It runs on Linux and macOS.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "parley-bench runs on Linux and macOS only")
	os.Exit(2)
}
