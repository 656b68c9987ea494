package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"syscall"
	"testing"
)

func TestSIGHUPEndsNothingAndIsAnswered(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		args  []string
		until string
		code  int
	}{
		"while it serves":            {nil, "DEVELOPMENT MODE", ok},
		"while it waits for a store": {[]string{"-store-url", "postgres://parley@" + nobodys(t) + "/parley"}, "waiting for the database", failed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := run(t, "parley", append([]string{"serve", "-http-addr=127.0.0.1:0", "-admin-addr=127.0.0.1:0"}, row.args...)...)
			p.until(row.until)
			for range 3 {
				p.signal(syscall.SIGHUP)
				p.until("SIGHUP: nothing is read anew")
			}
			p.signal(syscall.SIGTERM)
			if code := p.exits(); code != row.code {
				t.Errorf("got code %d, want %d", code, row.code)
			}
		})
	}
}

// nobodys returns an address where nobody listens.
func nobodys(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

func TestTheServiceOutlivesWhoReadsItsLog(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "serve", "-http-addr=127.0.0.1:0", "-admin-addr=127.0.0.1:0", "-log-level=debug")
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = t.TempDir(), append(os.Environ(), "TEST_AS=parley"), writer, writer
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	writer.Close()
	p := process{t, cmd, bufio.NewScanner(reader)}
	url := regexp.MustCompile(`http://[0-9.:]+/`).FindString(p.until("DEVELOPMENT MODE"))
	reader.Close()
	for i := range 3 {
		p.signal(syscall.SIGHUP) // its output has no reader
		response, err := http.Get(fmt.Sprint(url, "healthz?", i))
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
	}
	p.signal(syscall.SIGTERM)
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != ok {
		t.Errorf("got %v, want code 0", cmd.ProcessState)
	}
}
