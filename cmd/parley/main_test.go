package main

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/parley-chat/parley/adapters/postgres"
	"github.com/parley-chat/parley/adapters/postgres/pgtest"
	"github.com/parley-chat/parley/adapters/sqlite"
	"github.com/parley-chat/parley/migrations"
)

// TestMain makes the test's binary also the command, because signals need a process.
func TestMain(m *testing.M) {
	switch os.Getenv("TEST_AS") {
	case "parley":
		main()
	case "stuck":
		ctx, _ := untilSignal(os.Stderr)
		fmt.Println("runs")
		<-ctx.Done()
		fmt.Println("stops")
		select {}
	}
	os.Exit(m.Run())
}

// process is a child process.
type process struct {
	t *testing.T
	*exec.Cmd
	out *bufio.Scanner
}

func run(t *testing.T, as string, args ...string) process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "TEST_AS="+as)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return process{t, cmd, bufio.NewScanner(out)}
}

// until reads lines up to one that contains words.
func (p process) until(words string) string {
	p.t.Helper()
	var all strings.Builder
	for p.out.Scan() {
		if strings.Contains(p.out.Text(), words) {
			return p.out.Text()
		}
		all.WriteString(p.out.Text() + "\n")
	}
	p.t.Fatalf("it never says %q:\n%s", words, all.String())
	return ""
}

func (p process) signal(s os.Signal) {
	p.t.Helper()
	if err := p.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// exits waits for the end and returns the exit code.
func (p process) exits() int {
	for p.out.Scan() { // drain the pipe before Wait
	}
	p.Wait()
	return p.ProcessState.ExitCode()
}

func TestServeStopsAtASignalWithCodeZero(t *testing.T) {
	t.Parallel()
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		p := run(t, "parley", "serve", "-http-addr=127.0.0.1:0", "-admin-addr", "127.0.0.1:0")
		line := p.until("DEVELOPMENT MODE")
		if !strings.Contains(line, "http://127.0.0.1:") || !strings.Contains(line, "token --sub alice") {
			t.Errorf("%q does not say where to look and how to get a token", line)
		}
		p.signal(s)
		if code := p.exits(); code != 0 {
			t.Errorf("%v: got code %d, want 0", s, code)
		}
	}
}

// TestOneServiceAtATimeHasASQLiteFile runs a second service in the folder of the first, with other
// ports.
func TestOneServiceAtATimeHasASQLiteFile(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	serve := []string{"serve", "-http-addr=127.0.0.1:0", "-admin-addr=127.0.0.1:0", "-data-dir=" + dir}
	first := run(t, "parley", serve...)
	first.until("DEVELOPMENT MODE")
	refused := func(by process) {
		t.Helper()
		_, _, errOut := call(t, nil, "log", "-data-dir", dir) // other commands may still read the store
		if errOut != "" {
			t.Errorf("parley log beside it: %q", errOut)
		}
		second, errs := exec.CommandContext(t.Context(), first.Path, serve...), &strings.Builder{}
		second.Env, second.Stderr = first.Env, errs
		if err := second.Run(); second.ProcessState == nil || second.ProcessState.ExitCode() != failed {
			t.Fatalf("the second ends with %v", err)
		}
		for _, want := range []string{fmt.Sprintf("process %d on ", by.Process.Pid), "PARLEY_HTTP_ADDR 127.0.0.1:0", "PARLEY_DATA_DIR"} {
			if !strings.Contains(errs.String(), want) {
				t.Errorf("the second does not say %q: %s", want, errs)
			}
		}
	}
	refused(first)
	for _, args := range [][]string{{"migrate", "up"}, {"migrate", "status"}, {"backup", dir + "/copy.db"}, {"token", "-sub", "alice"}, {"log", "renew", "--yes"}} {
		if code, _, errOut := call(t, nil, append(args, "-data-dir", dir)...); code != ok {
			t.Errorf("parley %v beside it: %d %q", args, code, errOut)
		}
	}
	if code, _, errOut := call(t, nil, "migrate", "down", "--yes", lastMigration(t, migrations.SQLite), "-data-dir", dir); code != failed || !strings.Contains(errOut, "in use") {
		t.Errorf("parley migrate down beside it: %d %q", code, errOut)
	}
	first.signal(syscall.SIGKILL) // it cannot release anything by itself
	first.exits()
	third := run(t, "parley", serve...)
	third.until("DEVELOPMENT MODE")
	refused(third)
	third.signal(syscall.SIGTERM)
	if code := third.exits(); code != ok {
		t.Errorf("the third ends with %d", code)
	}
}

func TestASecondSignalEndsTheProcessAtOnce(t *testing.T) {
	t.Parallel()
	p := run(t, "stuck")
	p.until("runs")
	p.signal(syscall.SIGTERM)
	p.until("stops")
	p.signal(syscall.SIGTERM)
	if code := p.exits(); code != interrupted {
		t.Errorf("got code %d, want %d", code, interrupted)
	}
}

// call runs a command within the test's process.
func call(t *testing.T, environ []string, args ...string) (code int, out, errOut string) {
	t.Helper()
	var o, e strings.Builder
	code = program{"parley", environ, &o, &e}.run(args)
	return code, o.String(), e.String()
}

func TestCommandsSayWhatIsWrong(t *testing.T) {
	t.Parallel()
	data := "PARLEY_DATA_DIR=" + filepath.Join(t.TempDir(), "data")
	for _, row := range []struct {
		args    string
		environ []string
		code    int
		want    string
	}{
		{"fly", nil, misused, `no command "fly"`},
		{"serve", []string{"PARLEY_DRAIN=never", "PARLEY_HTP_ADDR=x"}, misused, "2 settings are wrong"},
		{"serve now", nil, misused, `"now" is no flag`},
		{"serve -drain 1s now", nil, misused, `"now" is no flag`},
		{"migrate up now", []string{data}, misused, `"now" is no flag`},
		{"migrate status -data-dir x now", []string{data}, misused, `"now" is no flag`},
		{"migrate down --yes 5 extra", []string{data}, misused, `"extra" is no flag`},
		{"migrate down 5", []string{data}, misused, `"5" is no flag`},
		{"migrate up --yes 5", []string{data}, misused, "--yes is for migrate down"},
		{"migrate --yes 5 down", []string{data}, misused, "with flags behind it"},
		{"token -sub alice bob", []string{data}, misused, `"bob" is no flag`},
		{"token alice", []string{data}, misused, `"alice" is no flag`},
		{"healthcheck now", nil, misused, `"now" is no flag`},
		{"version 2", nil, misused, `"2" is no flag`},
		{"version -short", nil, misused, "-short"},
		{"help me", nil, misused, `"me" is no flag`},
		{"help serve now", nil, misused, `"now" is no flag`},
		{"log renew --yes now", []string{data}, misused, "log renew --yes"},
		{"backup a -data-dir x b", []string{data}, misused, "say where to"},
		{"serve -bus-url nats://x", nil, misused, "must be local://"},
		{"serve -bus-url carrier-pigeon://x", nil, misused, "nats://"},
		{"migrate", nil, misused, "up, down or status"},
		{"migrate sideways", []string{data}, misused, "up, down or status"},
		{"migrate up", []string{"PARLEY_STORE_URL=memory://"}, failed, "no schema"},
		{"token", []string{data}, misused, "-sub alice"},
		{"token -sub alice -room general", nil, misused, "ROOM=read"},
		{"token -sub alice -room general=rule", []string{data}, failed, "role must be"},
		{"token -sub alice -ttl -1s", []string{data}, failed, "ttl"},
		{"token -sub alice", []string{"PARLEY_JWT_JWKS_URL=https://id.example/keys"}, failed, "your own issuer"},
		{"healthcheck", []string{"PARLEY_ADMIN_ADDR=127.0.0.1:1"}, failed, "refused"},
		{"shards", []string{data}, misused, "say shards status, grow, drop or undo"},
		{"shards shrink", []string{data}, misused, "say shards status, grow, drop or undo"},
		{"shards status now", []string{data}, misused, `"now" is no flag`},
		{"shards drop -by-hand", []string{data}, misused, "-by-hand is for grow"},
		{"shards status", []string{data}, misused, "only PostgreSQL has"},
		{"shards status", []string{data, "PARLEY_STORE_URL=postgres://h/a"}, misused, "2, 4, 6, …; there are 1"},
		{"shards status", []string{data, "PARLEY_STORE_URL=postgres://127.0.0.1:1/a postgres://127.0.0.1:1/b"}, failed, "database 2 (127.0.0.1:1/b)"},
	} {
		code, _, errOut := call(t, row.environ, strings.Fields(row.args)...)
		if code != row.code || !strings.Contains(errOut, row.want) {
			t.Errorf("parley %s: got %d and %q, want %d and %q", row.args, code, errOut, row.code, row.want)
		}
	}
}

func TestHelpListsCommandsAndSettings(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{nil, {"help"}, {"-h"}, {"--help"}} {
		code, out, _ := call(t, nil, args...)
		for _, want := range []string{"serve", "migrate up|down|status", "token", "healthcheck", "version", "PARLEY_HTTP_ADDR", "127.0.0.1:8080"} {
			if code != ok || !strings.Contains(out, want) {
				t.Errorf("parley %v: got %d, and help without %q", args, code, want)
			}
		}
	}
	for _, c := range commands() {
		for _, args := range [][]string{{c.name, "-h"}, {"help", c.name}} {
			if code, out, _ := call(t, nil, args...); code != ok || !strings.Contains(out, "usage: parley "+c.name) {
				t.Errorf("parley %v: got %d %q", args, code, out)
			}
		}
	}
}

func TestTheSchemaGoesUpAndDown(t *testing.T) {
	t.Parallel()
	environ := []string{"PARLEY_STORE_URL=sqlite://" + filepath.ToSlash(filepath.Join(t.TempDir(), "x.db")), "PARLEY_HTTP_ADDR=:8080"}
	last := lastMigration(t, migrations.SQLite)
	for _, step := range []struct{ what, want string }{{"status", "not applied"}, {"up", "applied 2"}, {"down --yes " + last, "not applied"}} {
		if code, out, errOut := call(t, environ, append([]string{"migrate"}, strings.Fields(step.what)...)...); code != ok || !strings.Contains(out, step.want) {
			t.Errorf("migrate %s: got %d %q %q, want %q", step.what, code, out, errOut, step.want)
		}
	}
}

// lastMigration returns the version of a store's newest migration.
func lastMigration(t *testing.T, of fs.FS) string {
	t.Helper()
	names, err := fs.Glob(of, "*.sql")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	return strings.TrimLeft(names[len(names)-1][:5], "0")
}

func TestTheSchemaGoesDownOnlyWhereThatIsMeant(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.db")
	database := pgtest.URL(t)
	for name, row := range map[string]struct {
		url  string
		of   fs.FS
		open func() (io.Closer, error)
	}{
		"SQLite": {"sqlite://" + filepath.ToSlash(path), migrations.SQLite, func() (io.Closer, error) { return sqlite.Open(t.Context(), sqlite.Config{Path: path}) }},
		"PostgreSQL": {database, migrations.Postgres, func() (io.Closer, error) {
			return openPostgres(t, database)
		}},
		"PostgreSQL through a pooler": {database, migrations.Postgres, func() (io.Closer, error) {
			return openPostgres(t, database+"&default_query_exec_mode=exec")
		}},
	} {
		environ, last := []string{"PARLEY_STORE_URL=" + row.url}, lastMigration(t, row.of)
		node, err := row.open()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		refused := func(code int, says string, args ...string) {
			t.Helper()
			got, _, errOut := call(t, environ, append([]string{"migrate", "down"}, args...)...)
			if got != code || !strings.Contains(errOut, says) {
				t.Errorf("%s: migrate down %v: %d %q, want %d %q", name, args, got, errOut, code, says)
			}
			if _, out, _ := call(t, environ, "migrate", "status"); strings.Contains(out, "not applied") {
				t.Errorf("%s: migrate down %v has taken back something: %s", name, args, out)
			}
		}
		refused(misused, "--yes "+last)
		refused(misused, ".sql")
		refused(failed, "in use", "--yes", last)
		if err := node.Close(); err != nil {
			t.Fatal(err)
		}
		refused(failed, "the last migration is "+last, "--yes", "1")
		if code, out, errOut := call(t, environ, "migrate", "down", "--yes", last); code != ok || !strings.Contains(out, "not applied") {
			t.Errorf("%s: down: %d %q %q", name, code, out, errOut)
		}
		if code, _, errOut := call(t, environ, "migrate", "down", "--yes", last); code != failed || !strings.Contains(errOut, "the last migration is ") {
			t.Errorf("%s: down again: %d %q", name, code, errOut)
		}
		if node, err = row.open(); err != nil { // and up again
			t.Fatalf("%s: %v", name, err)
		}
		if err := node.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// openPostgres opens a store like a node.
func openPostgres(t *testing.T, url string) (io.Closer, error) {
	t.Helper()
	s, err := postgres.Open(t.Context(), postgres.Config{URL: url})
	if err != nil {
		return nil, err
	}
	return closer(func() error { s.Close(); return nil }), s.Check(t.Context())
}

type closer func() error

func (c closer) Close() error { return c() }

func TestATokenIsThreePartsAndANewline(t *testing.T) {
	t.Parallel()
	code, out, errOut := call(t, []string{"PARLEY_DATA_DIR=" + t.TempDir()},
		"token", "--sub", "alice", "--name", "Alice", "--room", "general=write", "--room", "support-*=read", "--admin", "--ttl", "1h")
	if code != ok || strings.Count(out, ".") != 2 || !strings.HasSuffix(out, "\n") {
		t.Errorf("got %d %q %q", code, out, errOut)
	}
}

func TestATokenHasTheScopesThatAreAskedFor(t *testing.T) {
	t.Parallel()
	environ := []string{"PARLEY_DATA_DIR=" + t.TempDir()}
	for want, flags := range map[string][]string{
		`"scope":"chat:act"`:            {"--act"},
		`"scope":"chat:admin"`:          {"--admin"},
		`"scope":"chat:act chat:admin"`: {"--admin", "--act"},
	} {
		_, out, _ := call(t, environ, append([]string{"token", "--sub", "shop"}, flags...)...)
		claims, err := base64.RawURLEncoding.DecodeString(strings.Split(out+"..", ".")[1])
		if err != nil || !strings.Contains(string(claims), want) {
			t.Errorf("with %v: got %s, %v, want %s", flags, claims, err, want)
		}
	}
}

func TestATokenOfAnotherFolderIsToldOf(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	environ := []string{"PARLEY_DATA_DIR=" + dir}
	if _, out, errOut := call(t, environ, "token", "-sub", "alice"); !strings.Contains(errOut, "no key in "+dir) || !strings.Contains(errOut, "-data-dir") ||
		strings.Count(out, "\n") != 1 {
		t.Errorf("the first time: got %q and %q, want a token and a word of the key that was made", out, errOut)
	}
	if code, _, errOut := call(t, environ, "token", "-sub", "alice"); code != ok || errOut != "" {
		t.Errorf("with a key: got %d %q, want nothing said", code, errOut)
	}
}

func TestHealthcheckFollowsReadiness(t *testing.T) {
	t.Parallel()
	var ready atomic.Bool
	admin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/readyz" || !ready.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		io.WriteString(w, "draining\n")
	}))
	defer admin.Close()
	environ := []string{"PARLEY_ADMIN_ADDR=" + strings.TrimPrefix(admin.URL, "http://")}
	if code, _, errOut := call(t, environ, "healthcheck"); code != failed || !strings.Contains(errOut, "draining") {
		t.Errorf("not ready: got %d %q, want %d and why", code, errOut, failed)
	}
	ready.Store(true)
	if code, _, errOut := call(t, environ, "healthcheck"); code != ok {
		t.Errorf("ready: got %d %q, want %d", code, errOut, ok)
	}
}

func TestVersionIsWhatTheLinkerSays(t *testing.T) {
	t.Parallel()
	for _, arg := range []string{"version", "--version", "-v"} {
		if code, out, _ := call(t, nil, arg); code != ok || !strings.HasPrefix(out, "parley devel (") {
			t.Errorf("%s: got %d %q", arg, code, out)
		}
	}
	if got := invocation("/tmp/go-build123/b001/exe/parley"); got != "go run ./cmd/parley" {
		t.Errorf("by go run: got %q", got)
	}
	if got := invocation("/usr/local/bin/parley"); got != "parley" {
		t.Errorf("installed: got %q", got)
	}
}

func TestAddressesToListenOnBecomeOnesToConnectTo(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]string{":8081": "localhost:8081", "0.0.0.0:1": "localhost:1", "[::]:1": "localhost:1", "10.0.0.1:1": "10.0.0.1:1"} {
		if got := reachable(addr); got != want {
			t.Errorf("%s: got %s, want %s", addr, got, want)
		}
	}
}
