//go:build linux || darwin

// Command parley-bench measures Parley, and what it is compared with. Its flag -h tells how.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/parley-chat/parley/cmd/bench"
)

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return bench.Run(ctx, os.Args[1:], os.Stdout, os.Stderr)
}
