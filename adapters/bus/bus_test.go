package bus_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/parley-chat/parley/adapters/bus"
	"github.com/parley-chat/parley/adapters/notices"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestPausesBetweenTriesGrowWithJitterUpToTwoSeconds(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]*server{
		"dialling": {down: true}, "asking for the groups": {unknown: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, s, func(t *testing.T, n *node) {
				n.runs()
				time.Sleep(time.Minute)
				n.stop()
				_, tries := n.told()
				wait := 50 * time.Millisecond
				for i := range len(tries) - 1 {
					if pause := tries[i+1].Sub(tries[i]); pause < wait/2 || pause >= wait {
						t.Errorf("after try %d: %v, want %v to %v", i+1, pause, wait/2, wait)
					}
					wait = min(2*wait, 2*time.Second)
				}
				if len(tries) < 30 {
					t.Errorf("%d tries in a minute", len(tries))
				}
			})
		})
	}
}

func TestAConnectionThatLastedIsDialledAnewAtOnce(t *testing.T) {
	t.Parallel()
	bubble(t, &server{down: true}, func(t *testing.T, n *node) {
		n.runs()
		time.Sleep(10 * time.Second) // pauses are long by now
		n.set(func() { n.down = false })
		time.Sleep(10 * time.Second)
		n.conn(0).breaks()
		broken := time.Now()
		n.wasDeaf(1)
		time.Sleep(50 * time.Millisecond)
		n.wasDeaf(2)
		dials := n.dialled()
		if last := dials[len(dials)-1]; last.Sub(broken) >= 50*time.Millisecond {
			t.Errorf("dialled after %v", last.Sub(broken))
		}
	})
}

func TestAGapIsToldOnceAndForEachConnection(t *testing.T) {
	t.Parallel()
	bubble(t, &server{groups: 3}, func(t *testing.T, n *node) {
		n.follows("2nd room")
		n.runs().wasDeaf(2) // a group without rooms can miss nothing
		n.conn(2).breaks()
		time.Sleep(time.Second)
		n.wasDeaf(3)
		n.conn(1).breaks()
		time.Sleep(time.Second)
		n.wasDeaf(3)
		if len(n.dialled()) != 5 {
			t.Errorf("%d connections: those of other groups do not go on", len(n.dialled()))
		}
		if err := n.Tell(t.Context(), ports.Alive{}); err != nil {
			t.Errorf("Tell: %v", err)
		}
	})
}

func TestWhatIsMissedIsToldOnceForManyAtATime(t *testing.T) {
	t.Parallel()
	for name, miss := range map[string]func(c *conn){
		"the driver says so": func(c *conn) { c.events.Missed(errDown) },
		"it cannot be read":  func(c *conn) { c.came <- []byte("no packet") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, &server{}, func(t *testing.T, n *node) {
				n.runs().wasDeaf(1)
				miss(n.conn(0))
				n.wasDeaf(2) // at once
				for range 10 {
					miss(n.conn(0))
				}
				n.wasDeaf(2)
				time.Sleep(100 * time.Millisecond)
				n.wasDeaf(3)
				time.Sleep(time.Second)
				n.wasDeaf(3)
				if faults, _ := n.told(); len(n.dialled()) != 1 || len(faults) != 2 {
					t.Errorf("%d connections, faults %v", len(n.dialled()), faults)
				}
			})
		})
	}
}

func TestFollowing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before, away, again func(n *node) // before Run, without a connection, with the second one
		want                []string      // of the second connection
	}{
		"before Run": {
			before: func(n *node) { n.follows("tea") }, want: []string{"+tea"},
		},
		"while away": {
			before: func(n *node) { n.follows("tea") }, away: func(n *node) { n.follows("milk") },
			want: []string{"+milk", "+tea"},
		},
		"no longer, while away": {
			before: func(n *node) { n.follows("milk"); n.follows("tea") },
			away:   func(n *node) { n.Unfollow("tea") },
			want:   []string{"+milk"},
		},
		"no longer and again, while away": {
			before: func(n *node) { n.follows("tea") },
			away:   func(n *node) { n.Unfollow("tea"); n.follows("tea") },
			want:   []string{"+tea"},
		},
		"later": {
			again: func(n *node) { n.follows("tea"); n.Unfollow("tea"); n.follows("milk") },
			want:  []string{"+milk", "+tea", "-tea"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, &server{}, func(t *testing.T, n *node) {
				do := func(what func(n *node)) {
					if what != nil {
						what(n)
					}
				}
				do(c.before)
				n.runs()
				n.set(func() { n.down = true })
				n.conn(0).breaks()
				synctest.Wait()
				do(c.away)
				n.set(func() { n.down = false })
				time.Sleep(10 * time.Second)
				do(c.again)
				synctest.Wait()
				got := n.conn(0).asked()
				slices.Sort(got)
				if !slices.Equal(got, c.want) {
					t.Errorf("the server was asked %v, want %v", got, c.want)
				}
			})
		})
	}
}

func TestFollowWaitsForTheServer(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		do   func(n *node, cancel func())
		want string
	}{
		"and for no longer than its context": {
			func(_ *node, cancel func()) { cancel() },
			"unavailable: follow a room on Fake: context canceled",
		},
		"but not for one that is gone":   {func(n *node, _ func()) { n.conn(0).breaks() }, ""},
		"but not for one that is silent": {func(*node, func()) { time.Sleep(3 * time.Second) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, &server{}, func(t *testing.T, n *node) {
				n.runs().set(func() { n.mute = true })
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				done := make(chan error, 1)
				go func() { done <- n.Follow(ctx, "tea") }()
				synctest.Wait()
				select {
				case err := <-done:
					t.Fatalf("it did not wait: %v", err)
				default:
				}
				c.do(n, cancel)
				synctest.Wait()
				got := ""
				if err := <-done; err != nil {
					got = err.Error()
				}
				if got != c.want {
					t.Errorf("got %q, want %q", got, c.want)
				}
			})
		})
	}
}

func TestASilentServerIsMissedWithinFiveSeconds(t *testing.T) {
	t.Parallel()
	bubble(t, &server{}, func(t *testing.T, n *node) {
		c := n.runs().conn(0)
		n.set(func() { n.mute = true })
		for range 20 { // it has much to say before it answers
			time.Sleep(time.Second)
			c.came <- nil
		}
		synctest.Wait()
		if len(n.dialled()) != 1 {
			t.Error("a server that goes on talking is missed")
		}
		time.Sleep(4900 * time.Millisecond)
		n.saysOf("one that is silent", "unavailable: reach Fake: Fake does not answer")
		n.set(func() { n.mute = false })
		time.Sleep(10 * time.Second)
		n.saysOf("one that answers again", "")
	})
}

func TestHealth(t *testing.T) {
	t.Parallel()
	bubble(t, &server{unknown: true, groups: 2}, func(t *testing.T, n *node) {
		n.saysOf("before Run", "unavailable: the bus does not run")
		n.runs().saysOf("not known how the servers are", "unavailable: reach Fake: it is down")
		n.set(func() { n.unknown, n.down = false, true })
		time.Sleep(5 * time.Second)
		n.saysOf("dialling fails", "unavailable: reach Fake: it is down")
		n.set(func() { n.down = false })
		time.Sleep(5 * time.Second)
		n.saysOf("all is well", "")
		n.set(func() { n.mute = true })
		n.saysOf("it does not answer yet", "unavailable: ask Fake: context deadline exceeded")
		n.set(func() { n.mute = false })
		time.Sleep(5 * time.Second)
		n.conn(1).events.Refused(errors.New("not for you"))
		n.saysOf("something is refused", "unavailable: reach Fake: not for you")
		n.set(func() { n.refuses = errors.New("nor that") })
		n.conn(1).breaks()
		time.Sleep(time.Second)
		n.saysOf("something is refused at once", "unavailable: reach Fake: nor that")
		n.set(func() { n.refuses = nil })
		n.set(func() { n.down = true })
		n.conn(1).breaks()
		synctest.Wait()
		n.saysOf("a group is away", "unavailable: reach Fake: it is down")
		n.set(func() { n.down = false })
		time.Sleep(5 * time.Second)
		n.saysOf("the next connection", "")
		n.stop()
		n.saysOf("after Run", "unavailable: the bus does not run")
	})
}

func TestWhatIsToldWhileAwayIsRefusedAndNeverSent(t *testing.T) {
	t.Parallel()
	bubble(t, &server{}, func(t *testing.T, n *node) {
		tell := func(user chat.UserID) error {
			err := n.Tell(t.Context(), ports.Disconnected{User: user})
			entry := chat.Entry{Room: "tea", Seq: 1, Fact: chat.Message{Body: string(user)}}
			return errors.Join(err, n.Announce(t.Context(), []chat.Entry{entry}))
		}
		refused := func(user chat.UserID) {
			t.Helper()
			if err := tell(user); !errors.Is(err, bus.ErrClosed) {
				t.Errorf("%s: %v", user, err)
			}
		}
		refused("early")
		n.runs()
		n.set(func() { n.down = true })
		n.conn(0).breaks()
		synctest.Wait()
		refused("away")
		n.set(func() { n.down = false })
		time.Sleep(5 * time.Second)
		if err := tell("there"); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if err := tell("last"); err != nil { // the last messages of a node that stops
			t.Error(err)
		}
		n.stop()
		refused("late")
		var got []chat.UserID
		for _, m := range n.sent {
			p, err := notices.Parse(m.Packet)
			if err != nil {
				t.Fatal(err)
			}
			if d, ok := p.Notice.(ports.Disconnected); ok {
				got = append(got, d.User)
			}
		}
		if want := []chat.UserID{"there", "last"}; !slices.Equal(got, want) || len(n.sent) != 4 {
			t.Errorf("%d messages were sent, notices of %v, want %v", len(n.sent), got, want)
		}
	})
}

func typing(room chat.RoomID) ports.Notice {
	return ports.Signalled{Signal: chat.Signal{Room: room, User: "bob", Kind: chat.SignalTyping, On: true}}
}

func TestHeadsAndSignalsOfRoomsThatNobodyFollowsAreDropped(t *testing.T) {
	t.Parallel()
	bubble(t, &server{}, func(t *testing.T, n *node) {
		n.follows("tea")
		c := n.runs().conn(0)
		for _, p := range []notices.Packet{
			{Heads: []notices.Head{{Room: "milk", Seq: 1}, {Room: "tea", Seq: 2}}},
			{Notice: typing("milk")},
			{Notice: typing("tea")},
			{Notice: ports.Disconnected{User: "bob"}},
		} {
			c.came <- p.Append(nil)
		}
		synctest.Wait()
		heard := []ports.Notice{typing("tea"), ports.Disconnected{User: "bob"}}
		if len(n.heads) != 1 || n.heads["tea"] != 2 || !slices.Equal(n.heard, heard) {
			t.Errorf("heard of %v, %v", n.heads, n.heard)
		}
	})
}

func TestAQueueIsBounded(t *testing.T) {
	t.Parallel()
	q := bus.NewQueue(10)
	m := bus.Message{Room: "tea", Packet: make([]byte, 4)}
	for i, want := range []error{nil, nil, bus.ErrFull} {
		if err := q.Put(m); !errors.Is(err, want) {
			t.Errorf("put %d: %v, want %v", i, err, want)
		}
	}
	<-q.Wake()
	if got := q.Take(); len(got) != 2 {
		t.Errorf("%d messages", len(got))
	}
	if err := q.Put(m); err != nil {
		t.Errorf("after that: %v", err)
	}
}
