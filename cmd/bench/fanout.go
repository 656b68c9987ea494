//go:build linux || darwin

package bench

import (
	"time"

	"github.com/parley-chat/parley/cmd/bench/load"
)

// fanOut has one room with readers. One of them keeps window messages under way; a message is under
// way until its sender has received it as a reader. A server gains nothing by serving the sender
// first: at the end all readers must have all messages.
func fanOut(readers, window int) func(*rig) error {
	return func(r *rig) error {
		t := newChatter(r, readers)
		if err := r.dial(readers, 0, dialling, t, sameRoom("bench")); err != nil {
			return err
		}
		t.sender = r.clients[readers/2]
		on := true
		t.returned = func(int) {
			if on {
				t.say(t.sender, r.loop.Clock())
			}
		}
		sum, err := t.during(
			func() {
				for range window {
					t.say(t.sender, r.loop.Clock())
				}
			},
			func() { on = false },
		)
		t.tell(sum)
		return err
	}
}

// fixedRate has one room with readers and a fixed rate of messages per second, even if the server
// is slow. Latency counts from the time when a message was due, not when it was sent.
func fixedRate(readers, rate int) func(*rig) error {
	return func(r *rig) error {
		t := newChatter(r, readers)
		if err := r.dial(readers, 0, dialling, t, sameRoom("bench")); err != nil {
			return err
		}
		sum, err := t.during(t.every(time.Second/time.Duration(rate), func() *load.Client { return r.clients[readers/2] }))
		t.tell(sum)
		return err
	}
}

// every sends at a fixed rate, from who.
func (t *chatter) every(interval time.Duration, who func() *load.Client) (begin, end func()) {
	on := true
	var due time.Duration
	var next func()
	next = func() {
		if !on {
			return
		}
		t.say(who(), due)
		due += interval
		t.loop.At(due, next)
	}
	return func() { due = t.loop.Clock(); next() }, func() { on = false }
}

// rooms has many rooms with a few members each, and window messages under way, from any member.
func rooms(count, members, window int) func(*rig) error {
	return func(r *rig) error {
		t := newChatter(r, members)
		if err := r.dial(count*members, 0, dialling, t, func(i int) string { return user(i/members) + "s-room" }); err != nil {
			return err
		}
		// Steps that are coprime to the count visit everybody, in an order without locality.
		at := 0
		next := func() *load.Client {
			at = (at + 7919) % len(r.clients)
			return r.clients[at]
		}
		on := true
		t.arrived = func(int) {
			if on {
				t.say(next(), r.loop.Clock())
			}
		}
		sum, err := t.during(
			func() {
				for range window {
					t.say(next(), r.loop.Clock())
				}
			},
			func() { on = false },
		)
		t.tell(sum)
		return err
	}
}
