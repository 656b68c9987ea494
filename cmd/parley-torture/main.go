// Command parley-torture runs a cluster of Parley under load, breaks its parts, and judges whether
// every promise was kept. Its flag -h tells how.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/parley-chat/parley/cmd/torture"
	"github.com/parley-chat/parley/cmd/torture/history"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

const usage = `usage: parley-torture [flags]       a run, and its verdict
       parley-torture check FILE    judge a history once more

It ends with 0 where all promises were kept, 1 where one was not, 2 where the run could not be made.

`

func run(args []string, out, errOut io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	v, err := judge(ctx, args, out, errOut)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(errOut, "parley-torture:", err)
		return 2
	}
	if _, err := v.WriteTo(out); err != nil {
		return 2
	}
	if !v.Pass() {
		return 1
	}
	return 0
}

func judge(ctx context.Context, args []string, out, errOut io.Writer) (history.Verdict, error) {
	if len(args) == 2 && args[0] == "check" {
		return torture.CheckFile(args[1])
	}
	cfg, err := parse(args, errOut)
	if err != nil {
		return history.Verdict{}, err
	}
	cfg.Log = out
	fmt.Fprintf(out, "seed %d\n", cfg.Seed)
	v, err := torture.Run(ctx, cfg)
	if err == nil {
		fmt.Fprintf(out, "history in %s; judge it again by: parley-torture check %s\n", cfg.Out, cfg.Out)
	}
	return v, err
}

func parse(args []string, errOut io.Writer) (cfg torture.Config, err error) {
	flags := flag.NewFlagSet("parley-torture", flag.ContinueOnError)
	flags.SetOutput(errOut)
	flags.Usage = func() { fmt.Fprint(errOut, usage); flags.PrintDefaults() }
	flags.Int64Var(&cfg.Seed, "seed", rand.Int64N(1_000_000), "what is broken, and when, comes from it")
	flags.IntVar(&cfg.Nodes, "nodes", 3, "nodes")
	flags.IntVar(&cfg.Stores, "stores", 1, "PostgreSQL servers, which share the rooms")
	flags.BoolVar(&cfg.Grow, "grow", false, "to twice as many of them in the middle, by their standbys")
	flags.BoolVar(&cfg.Distributed, "distributed", false, "partition the tables of rooms, and speak as to an engine that distributes them")
	flags.StringVar(&cfg.Bus, "bus", "nats", "how nodes tell each other: "+strings.Join(torture.Buses, ", "))
	flags.DurationVar(&cfg.Time, "time", 30*time.Second, "how long things break")
	flags.IntVar(&cfg.Rooms, "rooms", 4, "rooms")
	flags.IntVar(&cfg.Writers, "writers", 8, "writers; each fourth by HTTP")
	flags.IntVar(&cfg.Readers, "readers", 12, "readers, each in all rooms")
	flags.DurationVar(&cfg.Pace, "pace", 20*time.Millisecond, "most that a writer waits between two changes")
	flags.IntVar(&cfg.Hooks, "hooks", 3, "webhooks, each third of them made while things break; 0: none")
	faults := flags.String("faults", "all", "what breaks: "+strings.Join(torture.FaultKinds, ",")+", or all, or none")
	flags.StringVar(&cfg.Parley, "parley", "", "the binary (unless set: built from source)")
	flags.StringVar(&cfg.Out, "out", "", "a file for the history (unless set: torture-SEED.jsonl)")
	flags.Func("set", "a setting for the nodes, like PARLEY_LINGER=off; may come several times", func(v string) error {
		cfg.Settings = append(cfg.Settings, v)
		return nil
	})
	if err := flags.Parse(args); err != nil {
		return cfg, err
	}
	if flags.NArg() > 0 {
		return cfg, fmt.Errorf("%q is no flag", flags.Arg(0))
	}
	switch *faults {
	case "all":
		cfg.Faults = torture.FaultKinds
	case "none":
	default:
		cfg.Faults = strings.Split(*faults, ",")
	}
	if cfg.Out == "" {
		cfg.Out = fmt.Sprintf("torture-%d.jsonl", cfg.Seed)
	}
	return cfg, nil
}
