package session_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/messaging"
	"github.com/parley-chat/parley/core/session"
	"github.com/parley-chat/parley/ports"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTwoUsersTalk(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	alice, bob := w.connects("alice"), w.connects("bob")
	if j := alice.joins("tea"); j.Head != 0 || j.From != 1 || j.Truncated || j.Role != chat.Write {
		t.Errorf("joining a new room answered %+v", j)
	}
	bob.joins("tea")
	if r := alice.sends("tea", "hello"); r.Seq != 1 || r.Duplicate {
		t.Errorf("the first message's receipt is %+v", r)
	}
	bob.sends("tea", "hi")
	alice.sees("hello", "hi")
	bob.sees("hello", "hi")
}

func TestTheAnswerToASendComesBeforeItsEntry(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	alice := w.connects("alice")
	alice.joins("tea")
	for i := range 200 {
		id := alice.asks(ports.Send{Room: "tea", Body: fmt.Sprint(i)})
		first, _ := alice.pipe.next()
		second, _ := alice.pipe.next()
		if first.Kind != "ok" || first.ID != id || second.Kind != "entry" {
			t.Fatalf("send %d: first came %+v, then %+v", i, first, second)
		}
	}
}

func TestALogReadThatOvertakesTheAnswerWaitsForIt(t *testing.T) {
	t.Parallel()
	// A reader is served the entry from the log before the journal hears of its commit.
	gate := make(chan struct{})
	w := newWorldOn(t, func(s ports.Log) ports.Log { return lateLog{s, gate} })
	alice := w.connects("alice")
	alice.joins("tea")
	id := alice.asks(ports.Send{Room: "tea", Body: "mine"})
	bob := w.connects("bob")
	for bob.joins("tea", 0).Head != 1 { // until the commit is seen
	}
	bob.asks(ports.Leave{Room: "tea"})
	w.nodes[0].hub.Head("tea", 1)
	bob.joins("tea", 0)
	bob.sees("mine") // others need not wait
	close(gate)
	first, _ := alice.awaits(func(l line) bool { return l.Kind != "signal" })
	second, _ := alice.awaits(func(l line) bool { return l.Kind != "signal" })
	if first.ID != id || second.Kind != "entry" {
		t.Fatalf("first came %+v, then %+v", first, second)
	}
}

// lateLog tells of a commit only once the gate is open.
type lateLog struct {
	ports.Log
	gate chan struct{}
}

func (l lateLog) Append(ctx context.Context, p []chat.Proposal) ([]ports.Outcome, error) {
	outcomes, err := l.Log.Append(ctx, p)
	<-l.gate
	return outcomes, err
}

func newWorldOn(t testing.TB, wrap func(ports.Log) ports.Log, tweaks ...tweak) *world {
	t.Helper()
	return newWorld(t, 1, append(tweaks, func(d *session.Config, m *messaging.Config) {
		d.Log, m.Log = wrap(d.Log), wrap(m.Log)
	})...)
}

func TestAnUnconfiguredSessionJoinsAsManyRoomsAsTheServiceLetsIt(t *testing.T) {
	t.Parallel()
	alice := newWorld(t, 1).connects("alice")
	for i := range 500 {
		alice.joins(chat.RoomID(fmt.Sprint("room", i)))
	}
	alice.isRefused(ports.Join{Room: "one-more"}, chat.Conflict)
}

func TestJoining(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, func(d *session.Config, _ *messaging.Config) { d.Replay = 20; d.RoomsPerSession = 2 })
	alice := w.connects("alice")
	alice.joins("tea")
	for i := range 100 {
		alice.sends("tea", fmt.Sprint("m", i+1))
	}
	t.Run("without a cursor begins with the last entries", func(t *testing.T) {
		bob := w.connects("bob")
		if j := bob.joins("tea"); j.Head != 100 || j.From != 51 || j.Truncated {
			t.Errorf("got %+v", j)
		}
		bob.sees("m51", "m52")
	})
	t.Run("with limit 0 begins with what comes", func(t *testing.T) {
		bob := w.connects("bob")
		var j ports.Joined
		if bob.gets(ports.Join{Room: "tea"}, &j); j.From != 101 {
			t.Errorf("got %+v", j)
		}
	})
	t.Run("with a cursor goes on behind it", func(t *testing.T) {
		bob := w.connects("bob")
		if j := bob.joins("tea", 90); j.From != 91 || j.Truncated {
			t.Errorf("got %+v", j)
		}
		bob.sees("m91", "m92", "m93", "m94", "m95", "m96", "m97", "m98", "m99", "m100")
	})
	t.Run("with a cursor too far back says so, and from where it goes on", func(t *testing.T) {
		bob := w.connects("bob")
		if j := bob.joins("tea", 5); j.From != 81 || !j.Truncated {
			t.Errorf("got %+v", j)
		}
		bob.sees("m81")
	})
	t.Run("beyond the head is invalid", func(t *testing.T) {
		beyond := chat.Seq(101)
		w.connects("bob").isRefused(ports.Join{Room: "tea", After: &beyond}, chat.Invalid)
	})
	t.Run("again begins anew", func(t *testing.T) {
		bob := w.connects("bob")
		bob.joins("tea", 98)
		bob.sees("m99", "m100")
		bob.joins("tea", 99)
		bob.sees("m100")
	})
	t.Run("more rooms than a connection may is a conflict", func(t *testing.T) {
		bob := w.connects("bob")
		bob.joins("one")
		bob.joins("two")
		bob.isRefused(ports.Join{Room: "three"}, chat.Conflict)
		bob.gets(ports.Leave{Room: "one"}, nil)
		bob.joins("three")
	})
}

func TestNothingComesAfterLeaving(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	alice, bob := w.connects("alice"), w.connects("bob")
	alice.joins("tea")
	bob.joins("tea")
	bob.gets(ports.Leave{Room: "tea"}, nil)
	alice.sends("tea", "unheard")
	bob.gets(ports.Ping{}, nil)
	bob.gets(ports.Ping{}, nil)
	for _, l := range bob.skipped {
		if l.Kind == "entry" {
			t.Errorf("bob left and saw %+v", l.Entry)
		}
	}
}

func TestWhatWasDeletedReachesNobodyWhoHadNotReadIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	alice := w.connects("alice")
	alice.joins("tea")
	alice.sends("tea", "before")
	alice.sends("tea", "secret")
	alice.gets(ports.Edit{Room: "tea", Seq: 2, Body: "a second secret"}, nil)
	alice.gets(ports.Edit{Room: "tea", Seq: 2, Body: "a third secret"}, nil)
	late := w.connects("late")
	late.joins("tea", 0)
	late.sees("before", "a third secret", "a third secret", "a third secret")
	alice.gets(ports.Delete{Room: "tea", Seq: 2}, nil)
	for after := range chat.Seq(4) {
		later := w.connects("later")
		later.joins("tea", after)
		for seq := after + 1; seq <= 5; seq++ {
			got := later.hears("entry").Entry
			if got.Seq != seq || strings.Contains(got.Body, "secret") {
				t.Errorf("after %d came %+v", after, *got)
			}
		}
	}
}

func TestAReaderThatStopsHoldsUpNobodyAndCatchesUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, func(d *session.Config, _ *messaging.Config) { d.RingBytes = 16 << 10 })
	alice, quick := w.connects("alice"), w.connects("quick")
	slow := w.connectsTo(0, "slow", packedPipe)
	alice.joins("tea")
	quick.joins("tea")
	slow.joins("tea")
	const n = 500
	body := strings.Repeat("x", 100)
	for i := range n {
		alice.asks(ports.Send{Room: "tea", Body: fmt.Sprint(i, body)})
		alice.hears("ok")
	}
	for _, c := range []*client{quick, slow} {
		for i := range n {
			c.sees(fmt.Sprint(i, body))
		}
	}
}

func TestAClientThatSendsAndNeverReadsIsNotReadFrom(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	mute := w.connectsTo(0, "mute", 256)
	mute.joins("tea")
	taken := 0
	for mute.session.Command(context.Background(), ports.Command{ID: "x", Ask: ports.Ping{}}) {
		if taken++; taken > 10_000 {
			t.Fatal("10,000 commands of a client that reads nothing were taken")
		}
	}
	for range taken { // it reads after all: the session goes on
		mute.hears("ok")
	}
	<-mute.pipe.resumed
	mute.gets(ports.Ping{}, nil)
}

func TestSessionsEnd(t *testing.T) {
	t.Parallel()
	in := func(name string, test func(t *testing.T)) {
		t.Run(name, func(t *testing.T) { t.Parallel(); synctest.Test(t, test) })
	}
	in("when the token expires", func(t *testing.T) {
		w := newWorld(t, 1, func(d *session.Config, _ *messaging.Config) { d.Heartbeat = time.Hour })
		alice := w.connects("alice!")
		began := time.Now()
		if l := alice.hears("close"); l.Reason != ports.CloseExpired || time.Since(began) < time.Minute {
			t.Errorf("closed after %v with %+v", time.Since(began), l)
		}
		if l := alice.hears("error"); l.What != "unauthenticated" {
			t.Errorf("before that came %+v", l)
		}
	})
	in("not when a fresh token came before that", func(t *testing.T) {
		w := newWorld(t, 1)
		alice := w.connects("alice!")
		alice.gets(ports.Auth{Token: "alice"}, nil)
		for range 4 {
			time.Sleep(20 * time.Second)
			alice.gets(ports.Ping{}, nil)
		}
	})
	in("when the fresh token is another's", func(t *testing.T) {
		w := newWorld(t, 1)
		alice := w.connects("alice")
		alice.isRefused(ports.Auth{Token: "bob"}, chat.Unauthenticated)
		if l := alice.hears("close"); l.Reason != ports.CloseUnauthenticated {
			t.Errorf("closed with %+v", l)
		}
	})
	in("when nothing was heard for two heartbeats", func(t *testing.T) {
		w := newWorld(t, 1)
		alice := w.connects("alice")
		alice.hears("heartbeat")
		alice.session.Heard()
		alice.hears("heartbeat")
		if l := alice.hears("close"); l.Reason != ports.CloseSilent {
			t.Errorf("closed with %+v", l)
		}
	})
	in("but not who answers each ping, however short the heartbeat", func(t *testing.T) {
		w := newWorld(t, 1, func(d *session.Config, _ *messaging.Config) { d.Heartbeat = 400 * time.Millisecond })
		alice := w.connects("alice")
		for range 5 {
			alice.hears("heartbeat")
			alice.session.Heard()
		}
		alice.gets(ports.Ping{}, nil)
	})
	in("when a write makes no progress", func(t *testing.T) {
		w := newWorld(t, 1)
		stuck := w.connectsTo(0, "stuck", 300)
		for range 10 {
			stuck.session.Command(t.Context(), ports.Command{ID: "1", Ask: ports.Ping{}})
		}
		time.Sleep(12 * time.Second)
		if reason := stuck.pipe.ended(); reason != ports.CloseSlow {
			t.Errorf("closed for the reason %v", reason)
		}
	})
	in("when no token comes in time", func(t *testing.T) {
		w := newWorld(t, 1)
		nobody := w.connectsUnknown()
		if l := nobody.hears("close"); l.Reason != ports.CloseUnauthenticated {
			t.Errorf("closed with %+v", l)
		}
	})
	in("when the first frame is no token", func(t *testing.T) {
		w := newWorld(t, 1)
		nobody := w.connectsUnknown()
		nobody.isRefused(ports.Join{Room: "tea"}, chat.Unauthenticated)
		nobody.hears("close")
	})
	in("after ten bad requests in a row", func(t *testing.T) {
		w := newWorld(t, 1)
		alice := w.connects("alice")
		bad := ports.Malformed{Err: chat.Errorf(chat.BadRequest, "not a JSON object")}
		for range 9 {
			alice.isRefused(bad, chat.BadRequest)
		}
		alice.gets(ports.Ping{}, nil)
		for range 10 {
			alice.isRefused(bad, chat.BadRequest)
		}
		if l := alice.hears("close"); l.Reason != ports.CloseBadRequests {
			t.Errorf("closed with %+v", l)
		}
	})
	in("when the client goes on over the limit", func(t *testing.T) {
		w := newWorld(t, 1, func(_ *session.Config, m *messaging.Config) {
			m.RateLimit = messaging.Rate{PerSecond: 1, Burst: 5}
		})
		alice := w.connects("alice")
		alice.joins("tea")
		for range 4 {
			alice.sends("tea", "x")
		}
		if l := alice.isRefused(ports.Send{Room: "tea", Body: "x"}, chat.RateLimited); l.RetryMS < 1 {
			t.Errorf("no time to wait in %+v", l)
		}
		for range 600 {
			alice.asks(ports.Send{Room: "tea", Body: "x"})
		}
		if l := alice.hears("close"); l.Reason != ports.CloseFlooding {
			t.Errorf("closed with %+v", l)
		}
	})
	in("when an operator disconnects the user", func(t *testing.T) {
		w := newWorld(t, 1)
		alice, bob := w.connects("alice"), w.connects("bob")
		if n := w.nodes[0].hub.Disconnect("alice"); n != 1 {
			t.Errorf("%d sessions ended", n)
		}
		if l := alice.hears("close"); l.Reason != ports.CloseDisconnected {
			t.Errorf("closed with %+v", l)
		}
		bob.gets(ports.Ping{}, nil)
	})
}

func (w *world) connectsUnknown() *client { return w.connectsFrom("") }

// connectsFrom opens a session without a token, from a network.
func (w *world) connectsFrom(network string) *client {
	w.t.Helper()
	c := &client{t: w.t, name: "nobody", pipe: newPipe(1 << 20)}
	var err error
	if c.session, err = w.nodes[0].hub.Open(c.pipe, ports.Opening{Network: network}); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(c.hangsUp)
	return c
}

func TestATokenInAFrame(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	alice := &client{t: t, name: "alice", pipe: newPipe(1 << 20)}
	alice.session, _ = w.nodes[0].hub.Open(alice.pipe, ports.Opening{Join: &ports.Join{Room: "tea", Limit: 50}})
	t.Cleanup(alice.hangsUp)
	alice.asks(ports.Auth{Token: "alice"})
	var got []string
	for range 3 {
		l, _ := alice.pipe.next()
		got = append(got, l.Kind+l.ID[:min(1, len(l.ID))]+l.What)
	}
	if !strings.HasPrefix(got[0], "welcome") || got[1] != "ok1ports.Authenticated" || got[2] != "okports.Joined" {
		t.Errorf("got %q", got)
	}
}

func TestWhoLosesTheRightToReadHearsNoMore(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := newWorld(t, 2, func(d *session.Config, _ *messaging.Config) { d.AntiEntropy = 50 * time.Millisecond })
	owner := *identity("owner")
	rooms := w.nodes[0].service
	if _, err := rooms.Create(ctx, owner, chat.Room{ID: "den"}); err != nil {
		t.Fatal(err)
	}
	for _, user := range []chat.UserID{"alice", "bob", "carol"} {
		if _, err := rooms.SetMember(ctx, owner, "den", user, chat.Write); err != nil {
			t.Fatal(err)
		}
	}
	alice, bob, carol := w.connects("alice"), w.connectsTo(1, "bob", 1<<20), w.connects("carol")
	for _, c := range []*client{alice, bob, carol} {
		c.joins("den", 3)
	}
	if _, err := rooms.SetMember(ctx, owner, "den", "bob", chat.None); err != nil {
		t.Fatal(err)
	}
	bob.sees("bob banned")
	bob.isOut("den", chat.Forbidden)
	if err := rooms.RemoveMember(ctx, owner, "den", "carol"); err != nil {
		t.Fatal(err)
	}
	carol.sees("bob banned", "carol left")
	carol.isOut("den", chat.NotFound)
	alice.sends("den", "among us")
	alice.sees("bob banned", "carol left", "among us")
	carol.gets(ports.Ping{}, nil)
	for _, l := range carol.skipped {
		if l.Kind == "entry" {
			t.Errorf("who was removed saw %+v", *l.Entry)
		}
	}
	for _, c := range []*client{bob, carol} { // who is sent away from one room stays in the others
		c.joins("tea")
		c.sends("tea", "I am here still")
		c.sees("I am here still")
	}
}

// isOut expects the client's follow of a room to end, and its socket not to.
func (c *client) isOut(room chat.RoomID, why chat.Kind) {
	c.t.Helper()
	l := c.hears("left")
	if l.ID != string(room) || l.What != string(why) || l.Text == "" {
		c.t.Errorf("%s has left with %+v, want %s of %s", c.name, l, why, room)
	}
	c.isRefused(ports.Join{Room: room}, why)
	c.gets(ports.Ping{}, nil)
}

func TestSignals(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		alice, bob := w.connects("alice"), w.connectsTo(1, "bob", 1<<20)
		alice.joins("tea")
		bob.joins("tea")
		alice.sends("tea", "hello")
		bob.sees("hello")
		signal := func(c *client, kind chat.SignalKind, user chat.UserID) chat.Signal {
			t.Helper()
			l, ok := c.awaits(func(l line) bool { return l.Kind == "signal" && l.Signal.Kind == kind && l.Signal.User == user })
			if !ok {
				t.Fatalf("%s: no signal %d of %s", c.name, kind, user)
			}
			return *l.Signal
		}
		alice.gets(ports.Typing{Room: "tea", On: true}, nil)
		if s := signal(bob, chat.SignalTyping, "alice"); !s.On {
			t.Errorf("typing: %+v", s)
		}
		var marked ports.Marked
		bob.gets(ports.Mark{Room: "tea", Seq: 1}, &marked)
		if marked.Read != 1 || marked.Unread != 0 {
			t.Errorf("marked: %+v", marked)
		}
		if s := signal(alice, chat.SignalRead, "bob"); s.Seq != 1 {
			t.Errorf("read: %+v", s)
		}
		if s := signal(alice, chat.SignalPresence, "bob"); !s.On {
			t.Errorf("presence: %+v", s)
		}
		carol := w.connects("carol")
		carol.joins("tea")
		for _, c := range []*client{alice, bob} {
			if s := signal(c, chat.SignalPresence, "carol"); !s.On {
				t.Errorf("presence, as %s is told: %+v", c.name, s)
			}
			var present ports.Present
			c.gets(ports.Presence{Room: "tea"}, &present)
			var users []chat.UserID
			for _, u := range present.Users {
				users = append(users, u.ID)
			}
			if present.Total != 3 || !slices.Equal(users, []chat.UserID{"alice", "bob", "carol"}) {
				t.Errorf("present, as %s is told: %+v", c.name, present)
			}
		}
		carol.hangsUp()
		for _, c := range []*client{alice, bob} {
			if s := signal(c, chat.SignalPresence, "carol"); s.On {
				t.Errorf("presence at the end, as %s is told: %+v", c.name, s)
			}
		}
	})
}

func TestDrain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		var clients []*client
		for i := range 50 {
			clients = append(clients, w.connects(fmt.Sprint("user", i)))
		}
		mute := w.connectsTo(0, "mute", 280)
		for range 20 {
			mute.session.Command(t.Context(), ports.Command{ID: "1", Ask: ports.Ping{}})
		}
		drained := make(chan time.Duration)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		go func() {
			began := time.Now()
			w.nodes[0].hub.Drain(ctx)
			drained <- time.Since(began)
		}()
		later := map[int64]bool{}
		for _, c := range clients {
			d := c.hears("drain")
			later[d.RetryMS/20] = true
			if l := c.hears("close"); l.Reason != ports.CloseRestart {
				t.Errorf("closed with %+v", l)
			}
			c.hangsUp()
		}
		if len(later) < 4 {
			t.Errorf("the times to reconnect are not spread: %v", later)
		}
		if took := <-drained; took < 4*time.Second || took > 6*time.Second {
			t.Errorf("a client that reads nothing held up the drain for %v of 5 s", took)
		}
		if err := w.nodes[0].hub.Ready(nil); err == nil {
			t.Error("a drained node takes sessions")
		}
	})
}

// stuckAppend is a log whose appends wait for a gate.
type stuckAppend struct {
	ports.Log
	gate chan struct{}
}

func (l stuckAppend) Append(ctx context.Context, p []chat.Proposal) ([]ports.Outcome, error) {
	<-l.gate
	return l.Log.Append(ctx, p)
}

func TestWhoWaitsForAnAnswerHearsThatTheNodeGoesAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		w := newWorldOn(t, func(l ports.Log) ports.Log { return stuckAppend{l, gate} })
		defer close(gate)
		alice := w.connects("alice")
		alice.joins("tea")
		alice.session.Command(t.Context(), ports.Command{ID: "1", Ask: ports.Send{Room: "tea", Body: "waits"}})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		drained := make(chan struct{})
		go func() { defer close(drained); w.nodes[0].hub.Drain(ctx) }()
		alice.hears("drain")
		if l := alice.hears("close"); l.Reason != ports.CloseRestart {
			t.Errorf("closed with %+v", l)
		}
		alice.hangsUp()
		if <-drained; time.Since(began) > 1500*time.Millisecond {
			t.Errorf("the drain took %v", time.Since(began))
		}
	})
}

func TestALostNoticeDelaysAnEntryOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		w.nodes[0].bus.deal = func([]chat.Entry) []chat.Entry { return nil }
		alice, bob := w.connects("alice"), w.connectsTo(1, "bob", 1<<20)
		alice.joins("tea")
		bob.joins("tea")
		began := time.Now()
		alice.sends("tea", "one")
		alice.sends("tea", "two")
		bob.sees("one", "two")
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

func TestALogThatCannotBeReadForAWhileDelaysOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fails := 3
		w := newWorldOn(t, func(l ports.Log) ports.Log { return failingRead{l, &fails} })
		alice := w.connects("alice")
		alice.joins("tea")
		alice.sends("tea", "one")
		alice.gets(ports.Leave{Room: "tea"}, nil)
		alice.sends("tea", "two")
		time.Sleep(time.Minute) // the feed is closed, and its ring gone
		bob := w.connects("bob")
		bob.joins("tea", 0)
		bob.sees("one", "two")
		if fails > 0 {
			t.Errorf("%d failures left", fails)
		}
	})
}

type failingRead struct {
	ports.Log
	left *int
}

func (f failingRead) Read(ctx context.Context, room chat.RoomID, span ports.Span) ([]chat.Entry, error) {
	if *f.left > 0 {
		*f.left--
		return nil, chat.Errorf(chat.Unavailable, "the log is away")
	}
	return f.Log.Read(ctx, room, span)
}
