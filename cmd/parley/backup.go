package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/parley-chat/parley/cmd/server"
)

// backup copies a SQLite store, which may be in use, to a file, or to standard output for "-": a
// container without a shell has no other way to give out a file.
func (p program) backup(ctx context.Context, args []string) error {
	to := ""
	if len(args) > 0 && (args[0] == "-" || !strings.HasPrefix(args[0], "-")) {
		to, args = args[0], args[1:]
	}
	var cfg server.Config
	settings := server.NewSettings("backup", &cfg)
	if err := settings.LoadPart(args, p.environ); err != nil {
		return err
	}
	if rest := settings.Flags().Args(); to == "" || len(rest) > 0 {
		return misuse("say where to, with flags behind it: a file that is not there yet, or - for standard output")
	}
	if to == "-" {
		return server.WriteBackup(ctx, cfg, p.out)
	}
	if err := server.Backup(ctx, cfg, to); err != nil {
		return err
	}
	info, err := os.Stat(to) //nolint:gosec // the operator names the path
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.out, "%s: %d bytes, whole\n", to, info.Size())
	return err
}
