package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/parley-chat/parley/adapters/postgres"
	"github.com/parley-chat/parley/cmd/server"
	"github.com/parley-chat/parley/core/chat"
)

// shardsUsage tells the steps.
const shardsUsage = `  PARLEY_STORE_URL (or -store-url) names all databases that there shall be, twice as many as now:
  those that are there, in their order, and then a copy of each, in the same order.

  status  says what each database is, and what is next. It changes nothing.
  grow    gives half of each database's rooms to its copy. Nobody can write until it is done, which
          takes about as long as the promotion of a standby.
  drop    deletes from each database what is of rooms that another one has now, while nodes run.
  undo    gives up a grow that was begun and is not done.

  The steps:
  1. Make a streaming standby of each database, and let it catch up.
  2. Start nodes with the URLs of all, beside those that run. They wait.
  3. parley shards status, and then parley shards grow. It promotes the standbys, unless the store's
     user may not: then it asks you to. The waiting nodes start to serve; those from before end.
  4. parley shards drop.

  Each may be broken off at any moment and repeated. Without standbys, parley shards grow -by-hand
  stops writes and ends; copy each database whole (pg_dump and pg_restore), then parley shards grow.
  -lost, for undo: copies that are away are gone for good.
  The runbook has all of it: "Add PostgreSQL servers".
`

// shards has the rooms of a store spread over twice as many databases.
func (p program) shards(ctx context.Context, args []string) error {
	what := ""
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		what, args = args[0], args[1:]
	}
	var cfg server.Config
	settings := server.NewSettings("shards", &cfg)
	byHand := settings.Flags().Bool("by-hand", false, "copies are made while nobody can write")
	lost := settings.Flags().Bool("lost", false, "copies that are away are gone for good")
	if err := settings.LoadPart(args, p.environ); err != nil {
		return err
	}
	if err := surplus(settings.Flags().Args()); err != nil {
		return err
	}
	if *byHand && what != "grow" || *lost && what != "undo" {
		return misuse("-by-hand is for grow, and -lost for undo")
	}
	acts := map[string]func(*postgres.Growth) error{
		"status": func(g *postgres.Growth) error { return g.Status(ctx) },
		"grow":   func(g *postgres.Growth) error { return g.Grow(ctx, *byHand) },
		"drop":   func(g *postgres.Growth) error { return g.Drop(ctx) },
		"undo":   func(g *postgres.Growth) error { return g.Undo(ctx, *lost) },
	}
	act, known := acts[what]
	if !known {
		return misuse("say shards status, grow, drop or undo, with flags behind it")
	}
	g, err := server.NewGrowth(cfg, func(line string) { fmt.Fprintln(p.out, line) })
	if errors.Is(err, chat.Invalid) {
		return misuse(chat.AsError(err).Reason)
	}
	if err != nil {
		return err
	}
	return act(g)
}
