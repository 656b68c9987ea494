package portstest

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/ports"
)

// ConnUnderTest is a connection and its client's end. The suite makes the calls that a session
// makes.
type ConnUnderTest struct {
	Conn ports.Conn
	// Reads what is written to Conn, byte for byte; closing it is the client's end.
	Client io.ReadCloser
}

// Conn proves a connection against the contract of ports.Conn. open is called for each subtest. The
// connection must end when it is closed or its client is gone. stall is how long its Write must
// wait for a client that takes nothing.
func Conn(t *testing.T, open func(t *testing.T, stall time.Duration) ConnUnderTest) {
	t.Helper()
	tests := []struct {
		name string
		run  func(*connSuite, *testing.T)
	}{
		{"what is written comes out once and in order, whichever way it was written", (*connSuite).testOrder},
		{"nothing is kept of what was written", (*connSuite).testNothingKept},
		{"TryWrite does not wait for a client that takes nothing", (*connSuite).testTryWriteDoesNotWait},
		{"Write waits for a client that takes something", (*connSuite).testWriteWaits},
		{"writing fails when the client is gone", (*connSuite).testGone},
		{"Close with CloseGone ends a Write that waits", (*connSuite).testCloseEndsWrite},
		{"Close with CloseSlow ends a Write that waits", (*connSuite).testCloseSlowEndsWrite},
		{"what was written last arrives before the end", (*connSuite).testLastWords},
		{"Close may be called at any time, many times", (*connSuite).testCloseTwice},
		{"Resume does not block", (*connSuite).testResume},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			// A client that reads may be slow, too, on a busy machine.
			test.run(&connSuite{open(t, 2*connPatience)}, t)
		})
	}
	const stall = 300 * time.Millisecond
	t.Run("Write fails with ErrSlow when the client takes nothing", func(t *testing.T) {
		t.Parallel()
		(&connSuite{open(t, stall)}).testSlow(t, stall)
	})
}

type connSuite struct{ ConnUnderTest }

// connPatience is how long the suite waits for what must come.
const connPatience = time.Minute

// lots is more bytes than the system buffers for a client that reads nothing.
const lots = 64 << 20

// within fails the test when do takes too long.
func within(t *testing.T, what string, do func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); do() }()
	select {
	case <-done:
	case <-time.After(connPatience):
		t.Fatalf("%s takes too long", what)
	}
}

// write writes p as a session does: as much as it can without waiting, and then the rest.
func (s *connSuite) write(p []byte) error {
	n, err := s.Conn.TryWrite(p)
	if err != nil || n == len(p) {
		return err
	}
	return s.Conn.Write(p[n:])
}

// pattern makes bytes that differ from place to place.
func pattern(seed uint64, n int) []byte {
	b := make([]byte, n)
	random := rand.NewChaCha8([32]byte{byte(seed)})
	_, _ = random.Read(b)
	return b
}

func (s *connSuite) testOrder(t *testing.T) {
	sent := pattern(1, 4<<20)
	got := make([]byte, len(sent))
	within(t, "writing and reading", func() {
		var wg sync.WaitGroup
		defer wg.Wait()
		wg.Go(func() {
			if n, err := io.ReadFull(s.Client, got); err != nil {
				t.Errorf("the client got %d bytes, then %v", n, err)
			}
		})
		for rest := sent; len(rest) > 0; {
			p := rest[:min(len(rest), 1+rand.IntN(100_000))]
			if rest = rest[len(p):]; rand.IntN(4) == 0 {
				if err := s.Conn.Write(p); err != nil {
					t.Errorf("Write: %v", err)
				}
				continue
			}
			if err := s.write(p); err != nil {
				t.Errorf("TryWrite and Write: %v", err)
			}
		}
	})
	if !bytes.Equal(got, sent) {
		t.Error("the client got other bytes than were written")
	}
}

func (s *connSuite) testNothingKept(t *testing.T) {
	want := pattern(2, 64<<10)
	p := bytes.Clone(want)
	got := make([]byte, len(want))
	within(t, "writing and reading", func() {
		var wg sync.WaitGroup
		defer wg.Wait()
		wg.Go(func() { _, _ = io.ReadFull(s.Client, got) })
		if err := s.write(p); err != nil {
			t.Errorf("write: %v", err)
		}
		clear(p)
	})
	if !bytes.Equal(got, want) {
		t.Error("the client got what p became after it was written")
	}
}

// fill writes with TryWrite until the client does not keep up, and returns how much was taken.
func (s *connSuite) fill(t *testing.T, p []byte) (taken int) {
	t.Helper()
	within(t, "TryWrite", func() {
		for taken < lots {
			n, err := s.Conn.TryWrite(p)
			if err != nil {
				t.Errorf("TryWrite after %d bytes: %v", taken, err)
				return
			}
			if taken += n; n < len(p) {
				return
			}
		}
		t.Errorf("TryWrite handed over %d bytes that nobody read", taken)
	})
	return taken
}

func (s *connSuite) testTryWriteDoesNotWait(t *testing.T) {
	p := pattern(3, 32<<10)
	taken := s.fill(t, p)
	if n, err := s.Conn.TryWrite(p); err != nil || n == len(p) {
		t.Errorf("TryWrite to a client that keeps up no more: %d, %v", n, err)
	} else {
		taken += n
	}
	within(t, "the client's reading of what was taken", func() {
		if n, err := io.CopyN(io.Discard, s.Client, int64(taken)); err != nil {
			t.Errorf("the client got %d of %d bytes, then %v", n, taken, err)
		}
	})
}

func (s *connSuite) testWriteWaits(t *testing.T) {
	p := pattern(4, 32<<10)
	taken := s.fill(t, p)
	within(t, "Write to a client that reads again", func() {
		var wg sync.WaitGroup
		defer wg.Wait()
		wg.Go(func() {
			if n, err := io.CopyN(io.Discard, s.Client, int64(taken+8<<20)); err != nil {
				t.Errorf("the client got %d bytes, then %v", n, err)
			}
		})
		if err := s.Conn.Write(make([]byte, 8<<20)); err != nil {
			t.Errorf("Write: %v", err)
		}
	})
}

func (s *connSuite) testSlow(t *testing.T, stall time.Duration) {
	within(t, "Write to a client that takes nothing", func() {
		began := time.Now()
		err := s.Conn.Write(make([]byte, lots))
		if !errors.Is(err, ports.ErrSlow) {
			t.Errorf("Write: %v, want ErrSlow", err)
		}
		if took := time.Since(began); took < stall {
			t.Errorf("Write gave up after %v, want %v at least", took, stall)
		}
		s.Conn.Close(ports.CloseSlow)
	})
}

func (s *connSuite) testGone(t *testing.T) {
	_ = s.Client.Close()
	within(t, "writing to nobody", func() {
		var err error
		for err == nil {
			err = s.write(make([]byte, 64<<10))
		}
		if errors.Is(err, ports.ErrSlow) {
			t.Error("a client that is gone is not slow")
		}
	})
	s.Conn.Close(ports.CloseGone)
}

func (s *connSuite) testCloseEndsWrite(t *testing.T)     { s.closeEndsWrite(t, ports.CloseGone) }
func (s *connSuite) testCloseSlowEndsWrite(t *testing.T) { s.closeEndsWrite(t, ports.CloseSlow) }

func (s *connSuite) closeEndsWrite(t *testing.T, reason ports.CloseReason) {
	t.Helper()
	s.fill(t, make([]byte, 32<<10))
	within(t, "Write after Close", func() {
		var wg sync.WaitGroup
		defer wg.Wait()
		wg.Go(func() {
			if s.Conn.Write(make([]byte, lots)) == nil {
				t.Error("Write succeeded on a connection that was closed")
			}
		})
		s.Conn.Close(reason)
	})
}

func (s *connSuite) testLastWords(t *testing.T) {
	words := pattern(5, 20_000)
	within(t, "the last words", func() {
		var wg sync.WaitGroup
		defer wg.Wait()
		wg.Go(func() {
			got := make([]byte, len(words))
			if _, err := io.ReadFull(s.Client, got); err != nil || !bytes.Equal(got, words) {
				t.Errorf("the client did not get the last words: %v", err)
			}
			if n, err := s.Client.Read(got); err == nil {
				t.Errorf("%d bytes came after the last words", n)
			}
		})
		if err := s.write(words); err != nil {
			t.Errorf("write: %v", err)
		}
		s.Conn.Close(ports.CloseRestart)
	})
}

func (s *connSuite) testCloseTwice(t *testing.T) {
	within(t, "Close", func() {
		var wg sync.WaitGroup
		for _, reason := range []ports.CloseReason{ports.CloseRestart, ports.CloseGone, ports.CloseSlow, ports.CloseExpired} {
			wg.Go(func() { s.Conn.Close(reason) })
		}
		wg.Wait()
		s.Conn.Close(ports.CloseGone)
		_, _ = io.Copy(io.Discard, s.Client)
	})
}

func (s *connSuite) testResume(t *testing.T) {
	within(t, "Resume", func() {
		for range 1000 {
			s.Conn.Resume()
		}
		s.Conn.Close(ports.CloseGone)
		s.Conn.Resume()
	})
}
