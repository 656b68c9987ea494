// Command parley is the chat service, with an operator's commands.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/parley-chat/parley/cmd/server"
)

// version is set by the linker: -ldflags "-X main.version=v1.2.3".
var version string

func main() {
	os.Exit(program{invocation(os.Args[0]), os.Environ(), os.Stdout, os.Stderr}.run(os.Args[1:]))
}

// Exit codes of a command.
const (
	ok          = 0
	failed      = 1
	misused     = 2   // bad arguments or settings
	interrupted = 130 // by a second signal: a shell's code for SIGINT
)

// program is the environment of a command.
type program struct {
	invocation  string // how to call this program, for hints
	environ     []string
	out, errOut io.Writer
}

// invocation returns how to call this program again: go run installs nothing in PATH.
func invocation(executable string) string {
	if strings.Contains(filepath.ToSlash(executable), "/go-build") {
		return "go run ./cmd/parley"
	}
	return filepath.Base(executable)
}

type command struct {
	name, arguments, help string
	run                   func(p program, ctx context.Context, args []string) error
}

func commands() []command {
	return []command{
		{"serve", "", "run the service", program.serve},
		{"migrate", "up|down|status", "change the store's schema, or tell how it stands; down needs --yes VERSION", program.migrate},
		{"log", "[renew --yes]", "tell which log the store keeps, or give it a new identity after a restore", program.log},
		{"shards", "status|grow|drop|undo", "have twice as many PostgreSQL databases share the rooms", program.shards},
		{"backup", "FILE|-", "copy a SQLite store that is in use, to a file or to standard output", program.backup},
		{"token", "-sub USER", "make a token for a service in development mode", program.token},
		{"healthcheck", "", "ask a running service whether it is ready: exit 0 or 1", program.healthcheck},
		{"version", "", "tell which build this is", program.version},
		{"help", "[COMMAND]", "list the commands and all settings, or tell of one", program.help},
	}
}

func (p program) run(args []string) int {
	if len(args) == 0 {
		args = []string{"help"}
	}
	name := args[0]
	switch name {
	case "-h", "-help", "--help":
		name = "help"
	case "-v", "-version", "--version":
		name = "version"
	}
	all := commands()
	i := slices.IndexFunc(all, func(c command) bool { return c.name == name })
	if i < 0 {
		fmt.Fprintf(p.errOut, "parley: there is no command %q; parley help lists them\n", name)
		return misused
	}
	ctx, stop := untilSignal(p.errOut)
	defer stop()
	return p.code(all[i], all[i].run(p, ctx, args[1:]))
}

// code returns the exit code of a command.
func (p program) code(c command, err error) int {
	var faults server.Faults
	switch {
	case err == nil:
		return ok
	case errors.Is(err, flag.ErrHelp):
		p.usage(c)
		return ok
	case errors.As(err, &faults), errors.As(err, new(misuse)):
		fmt.Fprintf(p.errOut, "parley %s: %v\n", c.name, err)
		return misused
	default:
		fmt.Fprintf(p.errOut, "parley %s: %v\n", c.name, err)
		return failed
	}
}

// misuse is the error of an invalid command line.
type misuse string

func (m misuse) Error() string { return string(m) }

// untilSignal returns a context that ends with the first SIGINT or SIGTERM. The second one ends the
// process at once.
func untilSignal(errOut io.Writer) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	ended := make(chan struct{})
	go func() {
		select {
		case <-signals:
			cancel()
		case <-ended:
			return
		}
		select {
		case s := <-signals:
			fmt.Fprintf(errOut, "parley: %v again: ended at once\n", s)
			os.Exit(interrupted)
		case <-ended:
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(ended)
		cancel()
	}
}
