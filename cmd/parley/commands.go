package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/parley-chat/parley/adapters/jwt"
	"github.com/parley-chat/parley/cmd/server"
	"github.com/parley-chat/parley/migrations"
	"github.com/parley-chat/parley/observability"
)

func (p program) serve(ctx context.Context, args []string) error {
	cfg := server.Config{Version: version, Command: p.invocation, Output: p.out}
	settings := server.NewSettings("serve", &cfg)
	if err := settings.Load(args, p.environ); err != nil {
		return err
	}
	if err := surplus(settings.Flags().Args()); err != nil {
		return err
	}
	signal.Ignore(syscall.SIGPIPE) // the reader of the log may end, and the service must go on
	ctx, hangups, end := pastHangups(ctx)
	defer end()
	cfg.Hangups = hangups
	limitMemory(p.errOut)
	var trimming sync.WaitGroup
	defer trimming.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	trimming.Go(func() { trimMemory(ctx) })
	return server.Run(ctx, cfg)
}

func (p program) migrate(ctx context.Context, args []string) error {
	what := ""
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		what, args = args[0], args[1:]
	}
	var cfg server.Config
	settings := server.NewSettings("migrate", &cfg)
	yes := settings.Flags().Int64("yes", 0, "the migration to take back")
	if err := settings.LoadPart(args, p.environ); err != nil {
		return err
	}
	if what != "up" && what != "down" && what != "status" {
		return misuse("say migrate up, down or status, with flags behind it")
	}
	if err := surplus(settings.Flags().Args()); err != nil {
		return err
	}
	if what != "down" && *yes != 0 {
		return misuse("--yes is for migrate down")
	}
	databases, err := server.NewMigrators(cfg)
	if err != nil {
		return err
	}
	for i, m := range databases {
		if len(databases) > 1 {
			fmt.Fprintf(p.out, "database %d of %d:\n", i+1, len(databases))
		}
		switch what {
		case "up":
			err = m.Up(ctx)
		case "down":
			err = p.down(ctx, m, *yes)
		}
		if err == nil {
			err = p.schema(ctx, m)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// down reverts the last migration if its version is given. Otherwise it prints what would be
// deleted.
func (p program) down(ctx context.Context, m *migrations.Migrator, version int64) error {
	if version != 0 {
		return m.DownFrom(ctx, version)
	}
	last, err := m.Last(ctx)
	if err != nil {
		return err
	}
	return misuse(fmt.Sprintf("this would take back the migration %d, %s, and for good what it holds, also what was written since:\n  %s;\n"+
		"Stop all nodes, make a backup, and say migrate down --yes %d. To run an earlier release nothing need be taken back",
		last.Version, last.Name, strings.Join(last.Statements, ";\n  "), last.Version))
}

// schema prints the migrations and when they were applied.
func (p program) schema(ctx context.Context, m *migrations.Migrator) error {
	states, err := m.Status(ctx)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	for _, s := range states {
		applied := "not applied"
		if !s.AppliedAt.IsZero() {
			applied = "applied " + s.AppliedAt.Format(time.RFC3339)
		}
		fmt.Fprintf(w, "%d\t%s\t%s\n", s.Version, s.Name, applied)
	}
	return w.Flush()
}

func (p program) token(_ context.Context, args []string) error {
	var cfg server.Config
	settings := server.NewSettings("token", &cfg)
	var grant jwt.Grant
	f := settings.Flags()
	f.StringVar(&grant.Subject, "sub", "", "the user's id (needed)")
	f.StringVar(&grant.Name, "name", "", "the user's display name")
	f.Func("room", "a grant, ROOM=read|write|moderate; may be repeated, and ROOM have stars", func(s string) error {
		return allow(&grant, s)
	})
	act := f.Bool("act", false, "a back end's: may act for others")
	admin := f.Bool("admin", false, "may everything")
	f.DurationVar(&grant.TTL, "ttl", 24*time.Hour, "how long it is good for")
	if err := p.load(settings, args); err != nil {
		return err
	}
	if grant.Subject == "" {
		return misuse("say whom the token is for: -sub alice")
	}
	grant.Scope = scope(*act, *admin)
	dir, missing := server.DevelopmentKeyMissing(cfg)
	token, err := server.DevelopmentToken(cfg, grant)
	if err != nil {
		return err
	}
	if missing {
		fmt.Fprintf(p.errOut, "parley token: there was no key in %s, so that one was made there. A service that keeps its files elsewhere "+
			"refuses this token: call this where it was started, or say where its files are, with -data-dir\n", dir)
	}
	_, err = fmt.Fprintln(p.out, token)
	return err
}

func scope(act, admin bool) string {
	var words []string
	if act {
		words = append(words, "chat:act")
	}
	if admin {
		words = append(words, "chat:admin")
	}
	return strings.Join(words, " ")
}

// allow adds ROOM=ROLE to a grant.
func allow(grant *jwt.Grant, s string) error {
	room, role, ok := strings.Cut(s, "=")
	if !ok || room == "" {
		return errors.New("a grant is ROOM=read, ROOM=write or ROOM=moderate")
	}
	if grant.Rooms == nil {
		grant.Rooms = map[string]string{}
	}
	grant.Rooms[room] = role
	return nil
}

// healthcheck asks the admin address: an image without a shell has no other program for this.
func (p program) healthcheck(ctx context.Context, args []string) error {
	var cfg server.Config
	if err := p.load(server.NewSettings("healthcheck", &cfg), args); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 4*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+reachable(cfg.AdminAddr)+"/readyz", http.NoBody)
	if err != nil {
		return err
	}
	// It ignores proxies of the environment.
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 64<<10))
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return errors.New(strings.TrimSpace(string(body)))
	}
	fmt.Fprint(p.out, string(body))
	return nil
}

// reachable turns an address to listen on into one to connect to.
func reachable(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}

// load reads the settings that a command needs, if it takes only flags.
func (p program) load(settings *server.Settings, args []string) error {
	if err := settings.LoadPart(args, p.environ); err != nil {
		return err
	}
	return surplus(settings.Flags().Args())
}

// surplus refuses arguments that a command does not take, because ignoring them could surprise.
func surplus(rest []string) error {
	if len(rest) == 0 {
		return nil
	}
	return misuse(fmt.Sprintf("%q is no flag, and one word too many", rest[0]))
}

func (p program) version(_ context.Context, args []string) error {
	if err := plain("version", args); err != nil {
		return err
	}
	b := observability.ReadBuild(version)
	fmt.Fprintf(p.out, "parley %s (%s, %s)\n", b.Version, b.Revision, b.Go)
	return nil
}

// plain refuses all arguments of a command without flags, except requests for its usage.
func plain(name string, args []string) error {
	f := flag.NewFlagSet(name, flag.ContinueOnError)
	f.SetOutput(io.Discard)
	if err := f.Parse(args); errors.Is(err, flag.ErrHelp) {
		return err
	} else if err != nil {
		return misuse(err.Error())
	}
	return surplus(f.Args())
}

func (p program) help(_ context.Context, args []string) error {
	if len(args) > 0 {
		if i := slices.IndexFunc(commands(), func(c command) bool { return c.name == args[0] }); i >= 0 {
			p.usage(commands()[i])
			return surplus(args[1:])
		}
	}
	if err := plain("help", args); err != nil {
		return err
	}
	fmt.Fprint(p.out, "Parley is a chat service: rooms with durable history and live delivery.\n\nusage: parley COMMAND [flags]\n\n")
	for _, c := range commands() {
		fmt.Fprintf(p.out, "  %-26s  %s\n", strings.TrimSpace(c.name+" "+c.arguments), c.help)
	}
	fmt.Fprint(p.out, "\nWith no settings, parley serve is a service for trying out, on http://127.0.0.1:8080/.\n"+
		"\nSettings, by environment or flag (a flag wins), with their defaults:\n\n")
	server.NewSettings("", &server.Config{}).WriteHelp(p.out)
	return nil
}

// usage prints the usage of one command.
func (p program) usage(c command) {
	fmt.Fprintf(p.out, "usage: parley %s [flags]\n  %s\n", strings.TrimSpace(c.name+" "+c.arguments), c.help)
	if c.name == "log" {
		fmt.Fprint(p.out, "  With none of the words it shows the identity. --yes has renew done; without, it says what that means.\n")
	}
	if c.name == "shards" {
		fmt.Fprint(p.out, shardsUsage)
	}
	if c.name == "token" {
		fmt.Fprint(p.out, "  -name NAME  -room ROOM=read|write|moderate  -act  -admin  -ttl 24h\n"+
			"  -act: a back end's, which may act for others; -admin: may everything\n")
	}
	fmt.Fprint(p.out, "\nparley help lists the settings, which are its flags too.\n")
}
