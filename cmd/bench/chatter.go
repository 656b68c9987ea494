//go:build linux || darwin

package bench

import (
	"fmt"
	"time"

	"github.com/parley-chat/parley/cmd/bench/load"
	"github.com/parley-chat/parley/cmd/bench/report"
)

// chatter tracks messages: sent, acknowledged, and delivered to the members of their room.
type chatter struct {
	*rig
	listeners int // number of deliveries of each send
	sends     []send
	under     int              // sends that are not delivered to all
	arrived   func(number int) // called for each send that is delivered to all
	sender    *load.Client     // if there is only one
	returned  func(number int) // called for each send that its sender has received

	delivered, acknowledged int64 // totals
	countedFrom             time.Duration
	latency, answer         *report.Latency
}

// send is one message.
type send struct {
	at   time.Duration
	left int32 // outstanding deliveries and acknowledgement
}

const never = time.Duration(1 << 62)

// behindJoin is the id of the first send.
const behindJoin = load.JoinID + 1

func newChatter(r *rig, listeners int) *chatter {
	return &chatter{
		rig: r, listeners: listeners, latency: report.NewLatency(), answer: report.NewLatency(),
		returned: func(int) {}, arrived: func(int) {}, countedFrom: never,
	}
}

// say sends a message with the time at, from which its latency counts.
func (t *chatter) say(c *load.Client, at time.Duration) {
	number := len(t.sends)
	t.sends = append(t.sends, send{at: at, left: int32(t.listeners + 1)})
	t.under++
	c.Send(behindJoin+number, stamped(t.body, at, number))
}

// Message implements load.Handler.
func (t *chatter) Message(c *load.Client, m *load.Message) {
	switch m.Kind {
	case load.Entry:
		at, number, ok := readStamp(m.Body)
		if !ok || number >= len(t.sends) {
			return // history
		}
		t.delivered++
		if at >= t.countedFrom {
			t.latency.Record(t.loop.Now() - at)
		}
		t.did(number)
		if c == t.sender {
			t.returned(number)
		}
	case load.Accepted:
		number := m.ID - behindJoin
		if number < 0 || number >= len(t.sends) {
			t.loop.Fail(fmt.Errorf("the server acknowledged %d, which was not sent", m.ID))
			return
		}
		t.acknowledged++
		if at := t.sends[number].at; at >= t.countedFrom {
			t.answer.Record(t.loop.Now() - at)
		}
		t.did(number)
	default:
		t.rig.Message(c, m)
	}
}

// did records a delivery or an acknowledgement.
func (t *chatter) did(number int) {
	s := &t.sends[number]
	if s.left--; s.left == 0 {
		t.under--
		t.arrived(number)
	}
}

// tally has the counts of a run.
type tally struct {
	took                    time.Duration
	delivered, acknowledged float64
	cpu                     time.Duration
	segments                float64 // 0: unknown
	received                float64 // bytes
}

// during calls begin to start the messages, counts after the warm-up for the time of the run, calls
// end to stop them, and waits until all are delivered.
func (t *chatter) during(begin, end func()) (tally, error) {
	begin()
	if err := t.rest(warmUp); err != nil {
		return tally{}, err
	}
	delivered, acknowledged, received := t.delivered, t.acknowledged, t.loop.Received
	if err := t.start(); err != nil {
		return tally{}, err
	}
	t.countedFrom = t.loop.Clock()
	if err := t.rest(t.span); err != nil {
		return tally{}, err
	}
	took, used, err := t.stop()
	sum := tally{
		took: took, delivered: float64(t.delivered - delivered), acknowledged: float64(t.acknowledged - acknowledged),
		cpu: used.CPU(), segments: float64(t.segments), received: float64(t.loop.Received - received),
	}
	if err != nil {
		return sum, err
	}
	end()
	return sum, t.finish()
}

// finish waits for outstanding messages.
func (t *chatter) finish() error {
	var look func()
	look = func() {
		if t.under == 0 {
			t.loop.Stop()
			return
		}
		t.loop.After(5*time.Millisecond, look)
	}
	look()
	if err := t.within(afterglow, "all that was sent has arrived"); err != nil {
		return fmt.Errorf("%w (%d sends are under way)", err, t.under)
	}
	t.result.Checks.Entries = t.delivered
	t.check(t.heads())
	return nil
}

// heads returns the highest seq of each room that any client has received.
func (t *chatter) heads() map[string]int {
	heads := map[string]int{}
	for _, c := range t.clients {
		heads[c.Room] = max(heads[c.Room], c.Last)
	}
	return heads
}

// tell adds the measures of every scenario with messages to the result.
func (t *chatter) tell(sum tally) {
	seconds := sum.took.Seconds()
	t.measure("deliveries", "/s", sum.delivered/seconds)
	t.measure("sends", "/s", sum.acknowledged/seconds)
	t.measure(serverCPU, "s/M deliveries", sum.cpu.Seconds()/sum.delivered*1e6)
	t.measure(serverCPU, "cores", sum.cpu.Seconds()/seconds)
	if sum.segments > 0 {
		t.measure("segments", "/delivery", sum.segments/sum.delivered)
	}
	t.measure("received", "B/delivery", sum.received/sum.delivered)
	t.result.Latency = t.latency.Summary()
}
