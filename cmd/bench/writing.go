//go:build linux || darwin

package bench

import (
	"fmt"
	"strconv"
	"time"

	"github.com/parley-chat/parley/cmd/bench/load"
	"github.com/parley-chat/parley/cmd/bench/report"
)

// durable has senders that do not read, each with a number of sends under way, in a few rooms. It
// measures acknowledgements, which mean that a send is durable.
func durable(senders, each int) func(*rig) error {
	return func(r *rig) error {
		names := make([]string, max(senders/10, 1))
		for i := range names {
			names[i] = "bench-" + strconv.Itoa(i)
		}
		if err := r.make(names); err != nil {
			return err
		}
		return r.append(senders, each, func(i int) string { return names[i%len(names)] })
	}
}

// append has senders that do not read. Each keeps a number of sends under way; append counts the
// acknowledged ones.
func (r *rig) append(senders, each int, room func(i int) string) error {
	t := newChatter(r, 0)
	first := len(r.clients)
	if err := r.dial(senders, load.NoJoin, dialling, t, room); err != nil {
		return err
	}
	on := true
	from := make([]*load.Client, 0, 1<<16) // the sender of each send
	say := func(c *load.Client) {
		from = append(from, c)
		t.say(c, r.loop.Clock())
	}
	t.arrived = func(number int) {
		if on {
			say(from[number])
		}
	}
	sum, err := t.during(
		func() {
			for _, c := range r.clients[first:] {
				for range each {
					say(c)
				}
			}
		},
		func() { on = false },
	)
	seconds := sum.took.Seconds()
	r.measure("sends", "/s", sum.acknowledged/seconds)
	r.measure(serverCPU, "s/M sends", sum.cpu.Seconds()/sum.acknowledged*1e6)
	r.measure(serverCPU, "cores", sum.cpu.Seconds()/seconds)
	r.result.Latency = t.answer.Summary()
	r.result.Checks.Entries = t.acknowledged
	return err
}

// history reads pages from all parts of one long room.
func history(entries, page, readers int) func(*rig) error {
	return func(r *rig) error {
		if !isParley(r.target.name) {
			return errCannot
		}
		if err := r.fill("bench", entries); err != nil {
			return err
		}
		h := &historian{rig: r, entries: entries, page: page, latency: report.NewLatency(), asked: map[int]time.Duration{}}
		from := len(r.clients)
		if err := r.dial(readers, load.NoJoin, dialling, h, sameRoom("bench")); err != nil {
			return err
		}
		h.first = from
		for _, c := range r.clients[from:] {
			h.ask(c)
		}
		if err := r.rest(warmUp); err != nil {
			return err
		}
		before := h.pages
		if err := r.start(); err != nil {
			return err
		}
		if err := r.rest(r.span); err != nil {
			return err
		}
		took, used, err := r.stop()
		pages := float64(h.pages - before)
		r.measure("pages", "/s", pages/took.Seconds())
		r.measure(serverCPU, "ms/page", used.CPU().Seconds()*1e3/pages)
		r.result.Latency = h.latency.Summary()
		r.result.Checks.Entries = int64(h.pages * page)
		return err
	}
}

// historian requests one page after the other on each connection.
type historian struct {
	*rig
	entries, page, first int
	pages                int
	at                   int
	asked                map[int]time.Duration // by connection
	latency              *report.Latency
}

func (h *historian) ask(c *load.Client) {
	h.at = (h.at + 104_729) % (h.entries - h.page)
	h.asked[c.Index] = h.loop.Clock()
	c.Text(fmt.Appendf(nil, `{"type":"history","id":"9","room":%q,"before":%d,"limit":%d}`, c.Room, h.at+h.page+1, h.page))
}

// Message implements load.Handler.
func (h *historian) Message(c *load.Client, m *load.Message) {
	if m.Kind != load.Other || m.ID != 9 {
		h.rig.Message(c, m)
		return
	}
	h.pages++
	if h.measuring {
		h.latency.Record(h.loop.Now() - h.asked[c.Index])
	}
	h.ask(c)
}

// slow is fixedRate with some readers that stop reading during the measurement, and go on after it.
// If the server has not closed them, they must get all that they missed.
func slow(readers, percent, rate int) func(*rig) error {
	return func(r *rig) error {
		t := newChatter(r, readers)
		if err := r.dial(readers, 0, dialling, t, sameRoom("bench")); err != nil {
			return err
		}
		stopped := r.clients[readers-readers*percent/100:]
		r.shut = map[*load.Client]bool{}
		for _, c := range stopped {
			r.shut[c] = true
		}
		t.listeners -= len(stopped)
		begin, end := t.every(time.Second/time.Duration(rate), func() *load.Client { return r.clients[readers/2] })
		before, err := r.target.usage()
		if err != nil {
			return err
		}
		sum, err := t.during(func() {
			for _, c := range stopped {
				c.Pause(true)
			}
			begin()
		}, end)
		t.tell(sum)
		if err != nil {
			return err
		}
		after, err := r.target.usage()
		if err != nil {
			return err
		}
		r.measure(memory, "bytes more", float64(after.Resident-before.Resident))
		return t.goOn(stopped)
	}
}

// goOn lets stopped clients read again. Those that were not closed get all that they have missed.
func (t *chatter) goOn(stopped []*load.Client) error {
	t.countedFrom = never
	for _, c := range stopped {
		c.Pause(false)
	}
	head := t.heads()["bench"]
	var look func()
	look = func() {
		behind := 0
		for _, c := range stopped {
			if c.Open() && c.Last < head {
				behind++
			}
		}
		if behind == 0 {
			t.loop.Stop()
			return
		}
		t.loop.After(5*time.Millisecond, look)
	}
	look()
	if err := t.within(afterglow, "who had stopped has caught up"); err != nil {
		return err
	}
	for _, c := range stopped {
		if c.Open() {
			delete(t.shut, c)
		}
	}
	t.measure("closed as slow", "connections", float64(len(t.shut)))
	t.check(t.heads())
	return nil
}
