package session_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/messaging"
	"github.com/parley-chat/parley/core/session"
	"github.com/parley-chat/parley/ports"
)

const recorded chat.Trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// watcher remembers how entries reached a node's readers.
type watcher struct {
	ports.Unobserved
	mu        sync.Mutex
	delivered chan ports.Delivery
	passes    []ports.FanOut
	behind    [3]int64
}

func newWatcher() *watcher { return &watcher{delivered: make(chan ports.Delivery, 100)} }

func (*watcher) Follows(t chat.Trace) bool { return t.Sampled() }

func (w *watcher) Delivered(d ports.Delivery) { w.delivered <- d }

func (w *watcher) FannedOut(f ports.FanOut) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.passes = append(w.passes, f)
}

func (w *watcher) Behind(sessions int, entries, furthest int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.behind = [3]int64{int64(sessions), entries, furthest}
}

func (w *watcher) lag() [3]int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.behind
}

// toldTo gives each node of a world a watcher.
func toldTo(watchers *[]*watcher) tweak {
	return func(d *session.Config, _ *messaging.Config) {
		w := newWatcher()
		d.Observer, d.Shards = w, 2
		*watchers = append(*watchers, w)
	}
}

func (c *client) sendsTraced(room chat.RoomID, body string, trace chat.Trace) {
	c.t.Helper()
	id := c.asks(ports.Ping{})
	c.session.Command(context.Background(), ports.Command{ID: id + "t", Trace: trace, Ask: ports.Send{Room: room, Body: body}})
	if l, _ := c.awaits(func(l line) bool { return l.ID == id+"t" }); l.Kind != "ok" {
		c.t.Fatalf("the send was answered %+v", l)
	}
}

func TestHowAnEntryOfATraceReachedItsReadersIsToldOnceANode(t *testing.T) {
	t.Parallel()
	var watchers []*watcher
	w := newWorld(t, 2, toldTo(&watchers))
	alice, bob, carol := w.connects("alice"), w.connects("bob"), w.connects("carol")
	dave := w.connectsTo(1, "dave", 1<<20)
	stuck := w.connectsTo(1, "stuck", 4<<10)
	for _, c := range []*client{alice, bob, carol, dave, stuck} {
		c.joins("tea")
	}
	alice.sends("tea", strings.Repeat("soon more than fits the pipe ", 100))
	dave.hears("entry") // so stuck is, by now or soon, waiting for its pipe
	alice.sendsTraced("tea", "hello", recorded)
	here, there := <-watchers[0].delivered, <-watchers[1].delivered
	for node, d := range []ports.Delivery{here, there} {
		if d.Trace != recorded || d.Room != "tea" || d.Seq != 2 || d.First <= 0 || d.Slowest < d.First {
			t.Errorf("node %d: told %+v", node, d)
		}
	}
	if here.Readers != 3 || here.Behind != 0 || there.Readers+there.Behind != 2 || there.Readers < 1 {
		t.Errorf("told of %d readers and %d behind on one node, %d and %d on the other; want 3, none, and 2 together",
			here.Readers, here.Behind, there.Readers, there.Behind)
	}
	bob.sees(strings.Repeat("soon more than fits the pipe ", 100), "hello")
	watchers[0].mu.Lock()
	defer watchers[0].mu.Unlock()
	var traced bool
	for _, f := range watchers[0].passes {
		traced = traced || f.Trace == recorded
		if f.First <= 0 || f.First > f.Last {
			t.Errorf("a pass wrote first after %v and last after %v", f.First, f.Last)
		}
	}
	if !traced {
		t.Error("no pass has the trace for an example")
	}
}

func TestWhatNobodyRecordsIsNotToldEntryByEntry(t *testing.T) {
	t.Parallel()
	var watchers []*watcher
	w := newWorld(t, 1, toldTo(&watchers))
	alice := w.connects("alice")
	alice.joins("tea")
	alice.sends("tea", "of no trace")
	alice.sendsTraced("tea", "of a trace that is not recorded", recorded[:len(recorded)-1]+"0")
	alice.sendsTraced("tea", "recorded", recorded)
	if d := <-watchers[0].delivered; d.Seq != 3 {
		t.Errorf("told of %+v", d)
	}
}

func TestSessionsThatAreBehindAreCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var watchers []*watcher
		w := newWorld(t, 1, toldTo(&watchers))
		alice, stuck := w.connects("alice"), w.connectsTo(0, "stuck", 4<<10)
		alice.joins("tea")
		stuck.joins("tea")
		long := strings.Repeat("soon more than fits the pipe ", 100)
		for range 5 {
			alice.sends("tea", long)
		}
		time.Sleep(3 * time.Second) // long enough for a look
		if got := watchers[0].lag(); got != [3]int64{} {
			t.Errorf("at first sight %v are behind: what is seconds old only counts", got)
		}
		time.Sleep(4 * time.Second) // for another, and too short for its writes to stall
		if got := watchers[0].lag(); got[0] != 1 || got[1] < 1 || got[1] > 4 || got[2] != got[1] {
			t.Errorf("sessions, entries and the most that are behind: got %v, want 1 session and up to 4 entries", got)
		}
		stuck.sees(long, long, long, long, long)
		time.Sleep(6 * time.Second)
		if got := watchers[0].lag(); got != [3]int64{} {
			t.Errorf("of one that has caught up %v are behind", got)
		}
	})
}

// complaints remembers faults.
type complaints struct {
	ports.Unobserved
	mu  sync.Mutex
	all []string
}

func (c *complaints) Fault(_ context.Context, while string, err error) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, while+": "+err.Error())
	return "FAULT"
}

// closedLog cannot be read.
type closedLog struct {
	ports.Log
	err error
}

func (l closedLog) Read(context.Context, chat.RoomID, ports.Span) ([]chat.Entry, error) {
	return nil, l.err
}

func TestWhyACommandCouldNotBeDoneIsToldOnceAndToNoClient(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		err  error
		told int
	}{
		"a cause that nobody has told of": {chat.Wrap(chat.Unavailable, errors.New("10.0.0.7 is gone"), "read"), 1},
		"no more than the client is told": {chat.Errorf(chat.Unavailable, "this node is going away"), 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			told := &complaints{}
			w := newWorldOn(t, func(l ports.Log) ports.Log { return closedLog{l, row.err} },
				func(d *session.Config, _ *messaging.Config) { d.Observer = told })
			alice := w.connects("alice")
			alice.joins("tea")
			l := alice.isRefused(ports.History{Room: "tea", Limit: 1}, chat.Unavailable)
			if strings.Contains(l.Text, "10.0.0.7") {
				t.Errorf("the client is told %q", l.Text)
			}
			told.mu.Lock()
			defer told.mu.Unlock()
			if len(told.all) != row.told {
				t.Errorf("told was %q, want %d lines", told.all, row.told)
			}
		})
	}
}

// A client's traceparent must not make deliveries cost more where nobody records them.
func TestWithoutTracesNoDeliveryIsTold(t *testing.T) {
	t.Parallel()
	deaf := &notFollowing{watcher: newWatcher()}
	w := newWorld(t, 1, func(d *session.Config, _ *messaging.Config) { d.Observer = deaf })
	alice := w.connects("alice")
	alice.joins("tea")
	alice.sendsTraced("tea", "recorded by its client only", recorded)
	alice.sees("recorded by its client only")
	w.nodes[0].stop()
	if n := len(deaf.delivered); n > 0 {
		t.Errorf("%d deliveries were told", n)
	}
}

type notFollowing struct{ *watcher }

func (*notFollowing) Follows(chat.Trace) bool { return false }
