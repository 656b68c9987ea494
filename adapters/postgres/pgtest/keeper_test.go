package pgtest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"
)

// roleVariable makes this test binary a process that starts a server and waits to be ended.
const roleVariable = "PGTEST_ROLE"

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		if err := playRole(role); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// playRole starts the server that all tests share, prints where it is, and waits for the end of
// standard input.
func playRole(role string) error {
	url, err := shared()
	if err != nil {
		return err
	}
	if role == "paused" {
		if err := sharedCluster.pause(); err != nil {
			return err
		}
	}
	fmt.Println(url, sharedCluster.dir)
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

func TestServerEndsWithItsProcess(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		role string
		end  func(p *process) error
	}{
		{"that came to its end", "running", func(p *process) error { return p.stdin.Close() }},
		{"that was killed", "running", func(p *process) error { return p.cmd.Process.Kill() }},
		{"that was interrupted", "running", func(p *process) error { return p.cmd.Process.Signal(os.Interrupt) }},
		{"that was killed while the server was paused", "paused", func(p *process) error { return p.cmd.Process.Kill() }},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := startProcess(t, test.role)
			closed := make(chan error, 1)
			if test.role == "running" {
				conn, err := pgx.Connect(t.Context(), p.url)
				if err != nil {
					t.Fatalf("connect to the server of the process: %v", err)
				}
				go func() {
					_, err := conn.WaitForNotification(context.Background())
					closed <- err
				}()
			} else {
				close(closed)
			}

			if err := test.end(p); err != nil {
				t.Fatalf("end the process: %v", err)
			}
			_ = p.cmd.Wait() // it fails because of the kill

			<-closed
			waitUntilGone(t, p.dir)
			if _, err := pgx.Connect(t.Context(), p.url); err == nil {
				t.Error("the server still answers")
			}
		})
	}
}

// process is this test binary, run once more with a server of its own.
type process struct {
	cmd      *exec.Cmd
	stdin    io.Closer
	url, dir string
}

func startProcess(t *testing.T, role string) *process {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: exec.Command(program)}
	// The process need not stop a server that is given by the environment.
	p.cmd.Env = append(os.Environ(), roleVariable+"="+role, environment+"=")
	stdin, err := p.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.stdin = stdin
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("read where the server is: %v: %s", err, line)
	}
	var ok bool
	if p.url, p.dir, ok = strings.Cut(strings.TrimSpace(line), " "); !ok {
		t.Fatal(line)
	}
	return p
}

// waitUntilGone waits until another process has removed a directory. That process does not tell
// when it is done.
func waitUntilGone(t *testing.T, dir string) {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	timeout := time.After(time.Minute)
	for {
		if _, err := os.Stat(dir); os.IsNotExist(err) {
			return
		}
		select {
		case <-ticker.C:
		case <-timeout:
			left, _ := fs.Glob(os.DirFS(dir), "*")
			t.Fatalf("%s is still there after a minute, with %v", dir, left)
		}
	}
}

func TestCheckURL(t *testing.T) {
	t.Parallel()
	for _, given := range []string{"host=localhost", "mysql://localhost/", "://"} {
		if err := checkURL(given); err == nil || !strings.Contains(err.Error(), environment) {
			t.Errorf("%q: got %v, want an error that names %s", given, err, environment)
		}
	}
	if err := checkURL("postgresql://u:p@localhost:5432/postgres?sslmode=disable"); err != nil {
		t.Errorf("got %v, want no error", err)
	}
}

func TestVersionIn(t *testing.T) {
	t.Parallel()
	for dir, want := range map[string]int{
		"/usr/lib/postgresql/15/bin":                            15,
		"/usr/pgsql-17/bin":                                     17,
		"/opt/homebrew/opt/postgresql@16/bin":                   16,
		"/Applications/Postgres.app/Contents/Versions/18.4/bin": 18,
		"/usr/lib/postgresql/9.6/bin":                           9,
		"/usr/lib/postgresql/next/bin":                          0,
	} {
		if got := versionIn(dir); got != want {
			t.Errorf("%s: got %d, want %d", dir, got, want)
		}
	}
}
