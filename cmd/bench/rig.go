//go:build linux || darwin

package bench

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/parley-chat/parley/cmd/bench/load"
	"github.com/parley-chat/parley/cmd/bench/proc"
	"github.com/parley-chat/parley/cmd/bench/report"
)

// Measures of the server's use of the machine.
const (
	serverCPU = "server CPU"
	memory    = "memory"
)

const (
	warmUp    = time.Second      // before the measurement
	afterglow = 15 * time.Second // max time for the last messages to arrive
	dialling  = 128              // concurrent dials, if a scenario does not set them
)

// rig is one run of one case against one server.
type rig struct {
	ctx    context.Context // of the run
	target *target
	loop   *load.Loop
	span   time.Duration // of the measurement
	body   int           // size of a message's body, in bytes

	clients []*load.Client
	joined  int
	closed  int
	shut    map[*load.Client]bool // connections that the server may close

	began     time.Duration
	usage     proc.Usage
	segments  int64         // that clients received: until stop since they were made, then during the measurement
	own       time.Duration // CPU time of this process
	measuring bool

	garage   *garage
	hooks    string    // which webhooks there are: one of everyHooks
	receiver *receiver // their endpoint; nil: there are no webhooks

	result report.Result
}

// Joined implements load.Handler for connections that only have to exist.
func (r *rig) Joined(*load.Client) { r.joined++ }

// Message implements load.Handler.
func (r *rig) Message(_ *load.Client, m *load.Message) {
	if m.Kind == load.Failed {
		r.loop.Fail(fmt.Errorf("the server refused: %s", m.Body))
	}
}

// Closed implements load.Handler.
func (r *rig) Closed(c *load.Client, err error) {
	r.closed++
	if !r.shut[c] {
		r.loop.Fail(fmt.Errorf("connection %d of %d ended: %w", c.Index, len(r.clients), err))
	}
}

// dial makes n connections, each to the room that room returns, and returns when all have joined.
func (r *rig) dial(n, history, atOnce int, h load.Handler, room func(i int) string) error {
	first, goal := len(r.clients), r.joined+n
	next := 0
	var more func()
	more = func() {
		for next < n && first+next-r.joined < atOnce {
			i := first + next
			c, err := r.loop.Dial(user(i), room(next), history, h)
			if err != nil {
				r.loop.Fail(err)
				return
			}
			c.Index = i
			r.clients = append(r.clients, c)
			next++
		}
		if r.joined >= goal {
			r.loop.Stop()
			return
		}
		r.loop.After(time.Millisecond, more)
	}
	more()
	if err := r.within(2*time.Minute, "the connections are made"); err != nil {
		return fmt.Errorf("%w (%d of %d)", err, r.joined, goal)
	}
	return nil
}

func user(i int) string { return "user" + strconv.Itoa(i) }

func sameRoom(room string) func(int) string { return func(int) string { return room } }

// within runs the loop until it is stopped, for at most d.
func (r *rig) within(d time.Duration, what string) error {
	ctx, cancel := context.WithTimeoutCause(r.ctx, d, fmt.Errorf("%s not within %v", what, d))
	defer cancel()
	return r.loop.Run(ctx)
}

// rest runs the loop for a while.
func (r *rig) rest(d time.Duration) error {
	r.loop.After(d, r.loop.Stop)
	return r.within(d+10*time.Second, "rest")
}

// start begins the measurement.
func (r *rig) start() error {
	r.segments = r.loop.Segments()
	usage, err := r.target.usage()
	r.usage, r.own, r.began, r.measuring = usage, ownCPU(), r.loop.Clock(), true
	if err == nil && r.receiver != nil {
		err = r.receiver.start(r.ctx)
	}
	return err
}

// stop ends the measurement, and returns its time and the server's usage.
func (r *rig) stop() (time.Duration, proc.Usage, error) {
	r.measuring = false
	took := r.loop.Clock() - r.began
	usage, err := r.target.usage()
	r.segments = r.loop.Segments() - r.segments
	// If this is near 1, the generator limits the result.
	r.measure("generator CPU", "cores", (ownCPU()-r.own).Seconds()/took.Seconds())
	if err == nil && r.receiver != nil {
		err = r.receiver.stop(r, took)
	}
	return took, usage.Sub(r.usage), err
}

func ownCPU() time.Duration {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// measure adds a number to the result. It leaves out the server's use of the machine if the
// server's process is unknown.
func (r *rig) measure(name, unit string, value float64) {
	if r.target.process == nil && (name == serverCPU || name == memory) {
		return
	}
	r.result.Measures = append(r.result.Measures, report.Measure{Name: name, Unit: unit, Value: value})
}

// check compares what every client has received with heads, the last seq of each room.
func (r *rig) check(heads map[string]int) {
	checks := &r.result.Checks
	for _, c := range r.clients {
		checks.Lost += int64(c.Lost)
		checks.Twice += int64(c.Twice)
		if head, ok := heads[c.Room]; ok && !r.shut[c] {
			checks.Lost += int64(max(head-c.Last, 0))
		}
	}
	if checks.Lost+checks.Twice > 0 {
		r.result.Error = fmt.Sprintf("of %d entries %d did not come and %d came twice or late", checks.Entries, checks.Lost, checks.Twice)
	}
}

var errCannot = errors.New("this server cannot do that")

// stamped makes the body of a message: its time, its number, and padding.
func stamped(size int, at time.Duration, number int) string {
	b := make([]byte, 0, max(size, stampBytes))
	b = appendHex(b, uint64(at), 16)
	b = appendHex(b, uint64(number), 8)
	for len(b) < size {
		b = append(b, filling[len(b)%len(filling)])
	}
	return string(b)
}

const (
	stampBytes = 24
	filling    = "the quick brown fox jumps over the lazy dog, "
	digits     = "0123456789abcdef"
)

func appendHex(b []byte, v uint64, n int) []byte {
	for i := n - 1; i >= 0; i-- {
		b = append(b, digits[v>>(4*i)&15])
	}
	return b
}

// readStamp is the inverse of stamped; ok is false for other bodies.
func readStamp(body []byte) (at time.Duration, number int, ok bool) {
	if len(body) < stampBytes {
		return 0, 0, false
	}
	a, ok1 := hex(body[:16])
	n, ok2 := hex(body[16:stampBytes])
	return time.Duration(a), int(n), ok1 && ok2
}

func hex(b []byte) (v uint64, ok bool) {
	for _, c := range b {
		switch {
		case '0' <= c && c <= '9':
			v = v<<4 | uint64(c-'0')
		case 'a' <= c && c <= 'f':
			v = v<<4 | uint64(c-'a'+10)
		default:
			return 0, false
		}
	}
	return v, true
}

// params writes parameters as in a case's name.
func params(list []report.Param) string {
	var b strings.Builder
	for _, p := range list {
		fmt.Fprintf(&b, "/%s=%s", p.Name, p.Value)
	}
	return b.String()
}
