// Package bustest starts real NATS and Redis servers for tests of buses.
package bustest

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/parley-chat/parley/adapters/freeaddr"
)

// patience is how long a server may take to listen, or to end.
const patience = time.Minute

// Server is a server of one test. It ends with the test.
type Server struct {
	Addr string // host:port, the same after Stop and Start

	t       testing.TB
	program string
	args    []string
	cmd     *exec.Cmd
	ended   chan struct{}
	output  safeBuffer
}

// NATS starts a nats-server with these arguments and an address.
func NATS(t testing.TB, args ...string) *Server {
	t.Helper()
	return start(t, tool(t, "nats-server"), func(host, port string) []string {
		return append([]string{"-a", host, "-p", port}, args...)
	})
}

// Redis starts a redis-server without persistence, with these arguments and an address. The
// arguments are settings of its configuration file, with "--" before each name. With "--tls-port"
// it listens with TLS only.
func Redis(t testing.TB, args ...string) *Server {
	t.Helper()
	program, err := exec.LookPath("redis-server")
	if err != nil {
		t.Fatalf("%v; make parts installs it", err)
	}
	dir := t.TempDir()
	return start(t, program, func(host, port string) []string {
		all := []string{"--bind", host, "--save", "", "--appendonly", "no", "--dir", dir}
		tls := false
		for _, a := range args {
			tls = tls || a == "--tls-port"
			all = append(all, strings.ReplaceAll(a, "{port}", port))
		}
		if tls {
			return append(all, "--port", "0")
		}
		return append(all, "--port", port)
	})
}

// RedisCluster starts a cluster of three servers, and returns them.
func RedisCluster(t testing.TB) (servers []*Server) {
	t.Helper()
	command := []string{"--cluster", "create"}
	for range 3 {
		_, gossip, _ := net.SplitHostPort(freeaddr.Must(t))
		s := Redis(t, "--cluster-enabled", "yes", "--cluster-port", gossip, "--cluster-node-timeout", "2000")
		servers = append(servers, s)
		command = append(command, s.Addr)
	}
	RedisCLI(t, append(command, "--cluster-yes")...)
	for _, s := range servers {
		host, port, _ := net.SplitHostPort(s.Addr)
		Eventually(t, "the cluster is whole", func() bool {
			return strings.Contains(RedisCLI(t, "-h", host, "-p", port, "cluster", "info"), "cluster_state:ok")
		})
	}
	return servers
}

// RedisCLI runs redis-cli and returns what it prints.
func RedisCLI(t testing.TB, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "redis-cli", args...).CombinedOutput() //nolint:gosec // what a test asks for
	if err != nil {
		t.Fatalf("redis-cli %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func start(t testing.TB, program string, args func(host, port string) []string) *Server {
	t.Helper()
	s := &Server{t: t, program: program, Addr: freeaddr.Must(t)}
	host, port, _ := net.SplitHostPort(s.Addr)
	s.args = args(host, port)
	s.Start()
	t.Cleanup(s.Stop)
	return s
}

// Start starts a stopped server.
func (s *Server) Start() {
	s.t.Helper()
	s.cmd = exec.CommandContext(context.WithoutCancel(s.t.Context()), s.program, s.args...) //nolint:gosec // what a test asks for
	s.cmd.Stdout, s.cmd.Stderr = &s.output, &s.output
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	ended := make(chan struct{})
	cmd := s.cmd
	go func() { defer close(ended); _ = cmd.Wait() }()
	s.ended = ended
	if err := s.await(); err != nil {
		s.t.Fatalf("%s %s: %v\n%s", filepath.Base(s.program), strings.Join(s.args, " "), err, s.output.String())
	}
}

func (s *Server) await() error {
	for deadline := time.Now().Add(patience); ; {
		conn, err := new(net.Dialer).DialContext(s.t.Context(), "tcp", s.Addr)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-s.ended:
			return errors.New("it has ended")
		case <-time.After(10 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return err
		}
	}
}

// Stop kills the server, if it runs, and waits until it has ended.
func (s *Server) Stop() {
	_ = s.cmd.Process.Signal(syscall.SIGCONT)
	_ = s.cmd.Process.Kill()
	<-s.ended
}

// Freeze suspends the server: its connections stay open, but it does not answer. Stop or Thaw ends
// this.
func (s *Server) Freeze() { _ = s.cmd.Process.Signal(syscall.SIGSTOP) }

// Thaw ends Freeze.
func (s *Server) Thaw() { _ = s.cmd.Process.Signal(syscall.SIGCONT) }

// tool returns the path of a program that make tools builds.
func tool(t testing.TB, name string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		path := filepath.Join(dir, ".tools", name)
		if _, err := os.Stat(path); err == nil {
			return path
		}
		if dir == filepath.Dir(dir) {
			t.Fatalf("%s is not there; make tools builds it", name)
		}
		dir = filepath.Dir(dir)
	}
}

// safeBuffer is the end of a server's output.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.b.Len() > 1<<16 {
		s.b.Reset()
	}
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// RedisNodeID returns a server's id within its cluster.
func RedisNodeID(t testing.TB, s *Server) string {
	t.Helper()
	host, port, _ := net.SplitHostPort(s.Addr)
	return strings.TrimSpace(RedisCLI(t, "-h", host, "-p", port, "cluster", "myid"))
}
