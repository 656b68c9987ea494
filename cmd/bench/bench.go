//go:build linux || darwin

package bench

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime/pprof"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/parley-chat/parley/adapters/jwt"
	"github.com/parley-chat/parley/cmd/bench/load"
	"github.com/parley-chat/parley/cmd/bench/proc"
	"github.com/parley-chat/parley/cmd/bench/report"
)

// options are the options of the command line.
type options struct {
	run                       *regexp.Regexp
	list                      bool
	servers, stores, settings []string
	span                      time.Duration
	repeat, sockets, body     int
	source, postgres          string
	url, keys                 string
	pid                       int
	json                      string
	profile                   string
}

// Run is the command: it measures as args say, and returns the exit code: 0; 1 if a run or its
// checks failed; 2 for invalid arguments.
func Run(ctx context.Context, args []string, out, errOut io.Writer) int {
	o, err := parse(args, errOut)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintln(errOut, "parley-bench:", err)
		return 2
	}
	if o.list {
		for _, c := range o.chosen() { //nolint:contextcheck // a rig has the context of its run
			fmt.Fprintln(out, c.name())
		}
		return 0
	}
	if err := o.profiled(func() error { return o.measure(ctx, out, errOut) }); err != nil {
		fmt.Fprintln(errOut, "parley-bench:", err)
		return 1
	}
	return 0
}

func (o *options) profiled(do func() error) error {
	if o.profile == "" {
		return do()
	}
	file, err := os.Create(o.profile)
	if err != nil {
		return err
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return err
	}
	err = do()
	pprof.StopCPUProfile()
	return errors.Join(err, file.Close())
}

func parse(args []string, errOut io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("parley-bench", flag.ContinueOnError)
	flags.SetOutput(errOut)
	pattern := flags.String("run", "", "run the cases whose names match this regular expression (-list shows them)")
	flags.BoolVar(&o.list, "list", false, "list the cases and run none")
	servers := flags.String("servers", parley, "servers to compare, each case on one after the other: "+strings.Join(slices.Concat(slices.Sorted(maps.Keys(ways)), slices.Sorted(maps.Keys(peers))), ","))
	stores := flags.String("stores", "sqlite", "Parley's stores: memory,sqlite,postgres; scenario durable runs on all three")
	flags.DurationVar(&o.span, "time", 5*time.Second, "how long each run counts")
	flags.IntVar(&o.repeat, "repeat", 1, "how often each case is run; servers and repetitions take turns")
	flags.IntVar(&o.sockets, "sockets", 20_000, "connections of scenario idle; fewer where the system allows no more open files")
	flags.IntVar(&o.body, "body", 64, "bytes of a message's body")
	flags.StringVar(&o.source, "source", "", "where Parley's source is, to build servers from (unless set: here or above)")
	flags.StringVar(&o.postgres, "postgres", "", "URL of a PostgreSQL in which databases may be made (unless set: one is started)")
	flags.StringVar(&o.url, "url", "", "host:port of a Parley that is running already, instead of one started for each run")
	flags.StringVar(&o.keys, "keys", "", "its data folder, which has the keys of development mode")
	flags.IntVar(&o.pid, "pid", 0, "its process, to tell what it takes from the machine")
	flags.Func("set", "a setting for Parley, like PARLEY_WRITER_SHARDS=1; may come several times", func(v string) error {
		o.settings = append(o.settings, v)
		return nil
	})
	flags.StringVar(&o.json, "json", "", "a file for the results, for machines")
	flags.StringVar(&o.profile, "cpuprofile", "", "a file for a profile of the generator itself")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("%q is no flag", flags.Arg(0))
	}
	o.servers, o.stores = strings.Split(*servers, ","), strings.Split(*stores, ",")
	var err error
	if o.run, err = regexp.Compile(*pattern); err != nil {
		return o, fmt.Errorf("-run: %w", err)
	}
	err = o.sensible()
	return o, err
}

// sensible returns an error if options are invalid.
func (o *options) sensible() error {
	for _, s := range o.servers {
		if _, ok := peers[s]; !ok && !isParley(s) {
			return fmt.Errorf("-servers: there is no %q", s)
		}
	}
	for _, s := range o.stores {
		if !slices.Contains(everyStore, s) {
			return fmt.Errorf("-stores: there is no %q", s)
		}
	}
	switch {
	case o.span < 100*time.Millisecond || o.span > time.Hour:
		return errors.New("-time: from 100ms to 1h")
	case o.repeat < 1 || o.repeat > 1000:
		return errors.New("-repeat: from 1 to 1000")
	case o.body < stampBytes || o.body > 4000:
		return fmt.Errorf("-body: from %d, a stamp, to 4000", stampBytes)
	case o.url != "" && o.keys == "":
		return errors.New("-url needs -keys")
	case o.url != "" && !slices.Equal(o.servers, []string{parley}):
		return errors.New("-url is the URL of a Parley: no other servers can be measured with it")
	}
	available := maxFiles() - spareFiles
	if o.sockets = min(o.sockets, available); o.sockets < 1 {
		return fmt.Errorf("the system allows %d open files: see ulimit -n", available+spareFiles)
	}
	return nil
}

// spareFiles is how many files a server and the generator need besides sockets.
const spareFiles = 400

// maxFiles raises the limit on open files to its maximum, and returns it.
func maxFiles() int {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil {
		return 1024
	}
	limit.Cur = min(limit.Max, 1<<20)
	_ = unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)
	_ = unix.Getrlimit(unix.RLIMIT_NOFILE, &limit)
	return int(min(limit.Cur, 1<<20))
}

func (o *options) chosen() []benchCase {
	return slices.DeleteFunc(cases(o.sockets), func(c benchCase) bool {
		return !o.run.MatchString(c.name()) || c.long && o.run.String() == ""
	})
}

// measure runs the cases and reports the results.
func (o *options) measure(ctx context.Context, out, errOut io.Writer) (err error) {
	chosen := o.chosen() //nolint:contextcheck // a rig has the context of its run
	if len(chosen) == 0 {
		return fmt.Errorf("no case matches %q: -list shows them all", o.run)
	}
	g, err := o.garage()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.close()) }()
	users := 0
	for _, c := range chosen {
		users = max(users, c.users)
	}
	fmt.Fprintf(errOut, "making %d tokens\n", users)
	g.sign(users)
	rep := report.New()
	failed := 0
	for repetition := range o.repeat {
		for _, c := range chosen {
			for _, v := range o.variants(c) {
				result, said := o.once(ctx, g, c, v, repetition)
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
				fmt.Fprintln(errOut, result.Line())
				if result.Error != "" {
					failed++
					fmt.Fprint(errOut, said)
				}
				rep.Results = append(rep.Results, result)
			}
		}
	}
	if err := o.tell(rep, out); err != nil {
		return err
	}
	if failed > 0 {
		return fmt.Errorf("%d runs failed", failed)
	}
	return nil
}

// variant is a server, its store, the webhooks that it has, and how many servers of their own the
// store is of; 0: the one of all runs.
type variant struct {
	server, store, hooks string
	servers              int
}

func (o *options) variants(c benchCase) (list []variant) {
	if o.url != "" {
		return []variant{{server: parley}} // its store is unknown
	}
	for _, server := range o.servers {
		switch {
		case !isParley(server) && c.peers:
			list = append(list, variant{server: server})
		case isParley(server):
			stores := o.stores
			if c.stores != nil {
				stores = c.stores
			}
			for _, n := range c.servers {
				list = append(list, variant{server: server, store: "postgres", servers: n})
			}
			if c.servers != nil {
				continue
			}
			for _, store := range stores {
				for i := range max(len(c.hooks), 1) {
					v := variant{server: server, store: store}
					if c.hooks != nil {
						v.hooks = c.hooks[i]
					}
					list = append(list, v)
				}
			}
		}
	}
	return list
}

func (o *options) garage() (*garage, error) {
	dir, err := os.MkdirTemp("", "parley-bench-")
	if err != nil {
		return nil, err
	}
	g := &garage{dir: dir, settings: o.settings, url: o.url, pid: o.pid, postgres: o.postgres, builds: map[string]string{}}
	if o.url != "" {
		g.keys, err = jwt.LoadDevKeys(o.keys)
		return g, err
	}
	if g.source, err = findSource(o.source); err != nil {
		return nil, err
	}
	g.keys, err = jwt.LoadOrMakeDevKeys(dir)
	return g, err
}

// findSource returns the root of the project.
func findSource(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "cmd", "parley", "main.go")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("servers are built from source: run this in Parley's repository, or name it with -source")
		}
		dir = filepath.Dir(dir)
	}
}

// once runs a case on a server of its own. The result holds an error, if there was one; said is the
// end of the server's output.
func (o *options) once(ctx context.Context, g *garage, c benchCase, v variant, repetition int) (_ report.Result, said string) {
	r := &rig{ctx: ctx, span: o.span, body: o.body, garage: g, hooks: v.hooks}
	r.result = report.Result{Server: v.server, Scenario: c.scenario, Params: slices.Clone(c.params), Repetition: repetition + 1}
	if v.store != "" {
		r.result.Server += "/" + v.store
	}
	if v.servers > 0 {
		r.result.Server += fmt.Sprintf(", servers: %d", v.servers)
	}
	if v.hooks != noHooks {
		r.result.Server += fmt.Sprintf(", %d %s webhooks", manyHooks, v.hooks)
	}
	if err := r.on(g, v, c); err != nil {
		r.result.Error = err.Error()
	}
	if r.target != nil && r.target.process != nil {
		said = r.target.process.Output()
	}
	return r.result, said
}

func (r *rig) on(g *garage, v variant, c benchCase) (err error) {
	store, h := v.store, &held{}
	if v.servers > 0 {
		if h, err = beginHeld(v.servers); err != nil {
			return err
		}
		store = h.url()
	}
	defer func() { err = errors.Join(err, h.release()) }()
	if r.target, err = g.start(r.ctx, v.server, store, c.cluster); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.target.stop()) }()
	if err := h.hold(); err != nil {
		return err
	}
	if r.loop, err = load.New(r.target.addr, r.target.dialect); err != nil {
		return err
	}
	r.loop.Compress = r.target.name == compressing
	defer r.loop.Close()
	for _, o := range r.target.others {
		if err := r.loop.Also(o.addr); err != nil {
			return err
		}
	}
	if err := c.run(r); err != nil {
		return err
	}
	if r.result.Error != "" {
		return errors.New(r.result.Error)
	}
	return nil
}

// tell writes the report to its outputs.
func (o *options) tell(rep *report.Report, out io.Writer) error {
	rep.Machine = proc.Machine()
	if err := rep.WriteTable(out); err != nil {
		return err
	}
	return toFile(o.json, rep.WriteJSON)
}

func toFile(path string, write func(io.Writer) error) error {
	if path == "" {
		return nil
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(write(file), file.Close())
}
