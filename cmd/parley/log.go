package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/parley-chat/parley/cmd/server"
)

// log prints the identity of the store's log, or gives the log a new one. After that clients drop
// what they have of the old log.
func (p program) log(ctx context.Context, args []string) error {
	what := ""
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		what, args = args[0], args[1:]
	}
	var cfg server.Config
	settings := server.NewSettings("log", &cfg)
	yes := settings.Flags().Bool("yes", false, "do it")
	if err := settings.LoadPart(args, p.environ); err != nil {
		return err
	}
	switch {
	case len(settings.Flags().Args()) > 0 || what != "" && what != "renew":
		return misuse("say log, or log renew --yes")
	case what == "":
		id, err := server.Log(ctx, cfg)
		if err == nil {
			fmt.Fprintln(p.out, id)
		}
		return err
	case !*yes:
		return misuse("after log renew all clients drop what they hold and read it anew, and all connections are made anew within seconds. It is " +
			"for a store that was restored to an older state, or copied. Say log renew --yes to do it")
	}
	was, now, err := server.RenewLog(ctx, cfg)
	if err == nil {
		fmt.Fprintf(p.out, "the log was %s and is %s\n", was, now)
	}
	return err
}
