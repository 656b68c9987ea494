package pgtest

import (
	"slices"
	"testing"
)

// Mode is how a server is stopped.
type Mode string

const (
	// Immediate ends the server as a crash would: connections break, and the next start recovers
	// from the log.
	Immediate Mode = "immediate"
	// Fast ends it in good order: it rolls transactions back, tells connections so, and writes
	// everything.
	Fast Mode = "fast"
)

// Server is a PostgreSQL server of one test's own. Its methods fail the test, so they are for the
// test's goroutine, and one at a time.
type Server struct {
	t       testing.TB
	cluster *cluster
}

// An Option changes how a server is set up.
type Option func([]setting) []setting

type setting struct{ name, value string }

// basics let many small databases start and go quickly. Nothing is synced to the disk. Still,
// committed data survives any Stop, even an immediate one: only a crash of the machine would lose
// it.
var basics = []setting{
	{"listen_addresses", "127.0.0.1"},
	{"unix_socket_directories", ""}, // a path below a long TMPDIR would not fit
	{"max_connections", "200"},
	{"fsync", "off"},
	{"full_page_writes", "off"},
	{"shared_buffers", "32MB"},
	{"jit", "off"}, // as a store asks for, unless a pooler is in between
	{"timezone", "UTC"},
	{"log_timezone", "UTC"},
}

// Durable makes the server sync to the disk, as in production: for measurements.
func Durable() Option {
	return func(settings []setting) []setting {
		return append(settings, setting{"fsync", "on"}, setting{"full_page_writes", "on"})
	}
}

// With sets one of PostgreSQL's own settings, for example With("max_connections", "20").
func With(name, value string) Option {
	return func(settings []setting) []setting { return append(settings, setting{name, value}) }
}

// Start starts a server for this test alone; it is removed when the test ends. It needs
// PostgreSQL's programs on this machine even where PARLEY_TEST_POSTGRES_URL names a server, because
// the test may not stop that one.
func Start(t testing.TB, options ...Option) *Server {
	t.Helper()
	c, err := makeCluster(settingsOf(options))
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("PostgreSQL's log ends:\n%s", c.logTail())
		}
		if err := c.remove(); err != nil {
			t.Errorf("pgtest: %v", err)
		}
	})
	if err := c.launch(); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	return &Server{t, c}
}

// Run starts a server for a program that is not a test, such as a benchmark. remove ends it, and so
// does the end of the program. The program must keep a reference to remove: when it is
// garbage-collected, the server ends too.
func Run(options ...Option) (url string, remove func() error, err error) {
	p, err := Begin(options...)
	if err != nil {
		return "", nil, err
	}
	return p.URL(), p.Remove, nil
}

func settingsOf(options []Option) []setting {
	settings := slices.Clip(basics)
	for _, option := range options {
		settings = option(settings)
	}
	return settings
}

// URL returns the URL of the server's database postgres, as a superuser. It stays the same when the
// server is started again.
func (s *Server) URL() string { return s.cluster.url() }

// Stop ends the server and returns when it is gone; connections to its port are refused from then
// on. A paused server is resumed first.
func (s *Server) Stop(mode Mode) {
	s.t.Helper()
	s.must(s.cluster.stop(mode))
}

// Start starts a stopped server on the same port and data, and returns when it accepts connections.
func (s *Server) Start() {
	s.t.Helper()
	s.must(s.cluster.start())
}

// Pause freezes the server: connections stay open, the system accepts new ones, and the server does
// not answer.
func (s *Server) Pause() {
	s.t.Helper()
	s.must(s.cluster.pause())
}

// Resume lets a paused server go on where it was.
func (s *Server) Resume() {
	s.t.Helper()
	s.must(s.cluster.resume())
}

func (s *Server) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatalf("pgtest: %v", err)
	}
}
