//go:build linux || darwin

package bench

import (
	"time"

	"github.com/parley-chat/parley/cmd/bench/load"
	"github.com/parley-chat/parley/cmd/bench/proc"
	"github.com/parley-chat/parley/cmd/bench/report"
)

// settling is how long memory may settle after connections are made. Two garbage collections would
// be better, but an idle runtime collects only every two minutes.
const settling = 10 * time.Second

// idle has idle sockets, each in one of a few rooms.
func idle(sockets, roomCount int) func(*rig) error {
	return func(r *rig) error {
		// The first connection causes the one-time allocations.
		if err := r.dial(1, 0, 1, r, sameRoom("bench-0")); err != nil {
			return err
		}
		if err := r.rest(warmUp); err != nil {
			return err
		}
		if err := r.start(); err != nil {
			return err
		}
		before := r.usage
		if err := r.dial(sockets, 0, dialling, r, func(i int) string { return "bench-" + user(i%roomCount) }); err != nil {
			return err
		}
		took, used, err := r.stop()
		if err != nil {
			return err
		}
		r.measureConnects(sockets, took, used)
		if err := r.rest(settling); err != nil {
			return err
		}
		if err := r.start(); err != nil {
			return err
		}
		r.measure(memory, "bytes/socket", float64(r.usage.Resident-before.Resident)/float64(sockets))
		if err := r.rest(r.span); err != nil {
			return err
		}
		took, used, err = r.stop()
		r.measure(serverCPU, "% of a core, idle", used.CPU().Seconds()/took.Seconds()*100)
		r.result.Checks.Entries = int64(r.joined)
		return err
	}
}

// storm has many clients connect at once, join one room, and get its newest entries.
func storm(clients, history, atOnce int) func(*rig) error {
	return func(r *rig) error {
		if err := r.fill("bench", 4*history); err != nil {
			return err
		}
		s := &stormer{rig: r, history: history, latency: report.NewLatency(), since: make([]time.Duration, clients+len(r.clients))}
		s.goal = clients
		if err := r.start(); err != nil {
			return err
		}
		s.first = len(r.clients)
		if err := s.run(clients, atOnce); err != nil {
			return err
		}
		took, used, err := r.stop()
		r.measureConnects(clients, took, used)
		r.result.Latency = s.latency.Summary()
		r.result.Checks.Entries = s.entries
		r.check(map[string]int{"bench": 4 * history})
		return err
	}
}

// measureConnects adds what n connections took.
func (r *rig) measureConnects(n int, took time.Duration, used proc.Usage) {
	r.measure("connects", "/s", float64(n)/took.Seconds())
	r.measure(serverCPU, "ms/connect", used.CPU().Seconds()*1e3/float64(n))
	if r.segments > 0 { // known
		r.measure("segments", "/connect", float64(r.segments)/float64(n))
	}
}

// stormer makes the connections of a storm.
type stormer struct {
	*rig
	history, goal, first int
	made, done           int
	entries              int64
	since                []time.Duration
	latency              *report.Latency
}

func (s *stormer) run(clients, atOnce int) error {
	for range min(atOnce, clients) {
		s.next()
	}
	return s.within(2*time.Minute, "all are there")
}

func (s *stormer) next() {
	if s.made == s.goal {
		return
	}
	i := s.first + s.made
	s.made++
	c, err := s.loop.Dial(user(i), "bench", s.history, s)
	if err != nil {
		s.loop.Fail(err)
		return
	}
	c.Index = i
	s.since[i] = s.loop.Clock()
	s.clients = append(s.clients, c)
}

// Joined implements load.Handler.
func (s *stormer) Joined(c *load.Client) {
	s.entries += int64(c.Carried)
	s.look(c)
}

// Message implements load.Handler.
func (s *stormer) Message(c *load.Client, m *load.Message) {
	if m.Kind != load.Entry {
		s.rig.Message(c, m)
		return
	}
	s.entries++
	s.look(c)
}

// look checks whether a client has all that it joined for.
func (s *stormer) look(c *load.Client) {
	if c.Last < 4*s.history {
		return
	}
	s.latency.Record(s.loop.Now() - s.since[c.Index])
	s.next()
	if s.done++; s.done == s.goal {
		s.loop.Stop()
	}
}

// fill sends n messages into a room, many at once, and waits for them.
func (r *rig) fill(room string, n int) error {
	t := newChatter(r, 0) // the sender has not joined
	if err := r.make([]string{room}); err != nil || n == 0 {
		return err
	}
	from := len(r.clients)
	if err := r.dial(1, load.NoJoin, 1, t, sameRoom(room)); err != nil {
		return err
	}
	writer := r.clients[from]
	said := 0
	t.arrived = func(int) {
		switch {
		case said < n:
			said++
			t.say(writer, r.loop.Clock())
		case t.under == 0:
			r.loop.Stop()
		}
	}
	for range min(n, fillWindow) {
		said++
		t.say(writer, r.loop.Clock())
	}
	err := r.within(5*time.Minute, "the room is filled")
	writer.Close()
	r.clients = r.clients[:from]
	return err
}

// fillWindow is how many sends of one connection are under way when a room is filled. Servers
// accept so many.
const fillWindow = 64

// make joins rooms once, because joining makes them.
func (r *rig) make(rooms []string) error {
	from := len(r.clients)
	if err := r.dial(len(rooms), 0, dialling, r, func(i int) string { return rooms[i] }); err != nil {
		return err
	}
	for _, c := range r.clients[from:] {
		c.Close()
	}
	r.clients = r.clients[:from]
	return nil
}
