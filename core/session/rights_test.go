package session_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/messaging"
	"github.com/parley-chat/parley/core/session"
	"github.com/parley-chat/parley/ports"
)

// askedRights counts the checks of who may still read, and answers them when the gate is open.
type askedRights struct {
	ports.Reader
	questions, readers atomic.Int64
	fails              atomic.Pointer[error]
	gate               chan struct{} // nil: open
}

func (a *askedRights) MayRead(ctx context.Context, readers []ports.Follower) ([]ports.Right, error) {
	a.questions.Add(1)
	a.readers.Add(int64(len(readers)))
	if a.gate != nil {
		select {
		case <-a.gate:
		case <-ctx.Done():
		}
	}
	if err := a.fails.Load(); err != nil {
		return nil, *err
	}
	return a.Reader.MayRead(ctx, readers)
}

// withRights is a node whose own checks are counted.
func withRights(t *testing.T, tweaks ...tweak) (*world, *askedRights) {
	t.Helper()
	counted := &askedRights{}
	tweaks = append(tweaks, func(d *session.Config, _ *messaging.Config) {
		d.Reader = around{reader: func(r ports.Reader) ports.Reader { counted.Reader = r; return counted }}
	})
	return newWorld(t, 1, tweaks...), counted
}

func TestTokensInTurnQueueNoMoreThanFollows(t *testing.T) {
	t.Parallel()
	w, asked := withRights(t)
	asked.gate = make(chan struct{})
	alice := w.connects("alice")
	const rooms, tokens = 300, 1500
	for i := range rooms {
		alice.joins(chat.RoomID(fmt.Sprint("room", i)))
	}
	for i := range tokens {
		alice.gets(ports.Auth{Token: []string{"alice@room7", "alice"}[i%2]}, nil)
	}
	close(asked.gate)
	alice.gets(ports.Send{Room: "room200", Body: "hi"}, nil)
	alice.sees("hi") // it may, by its last token
	if n := asked.readers.Load(); n > 3*rooms {
		t.Errorf("%d rights were asked for, for %d rooms", n, rooms)
	}
	if n := asked.questions.Load(); n > 10 {
		t.Errorf("the store was asked %d questions", n)
	}
}

func TestWhatIsAskedForItselfDoesNotStandBeforeWhatReadersWaitFor(t *testing.T) {
	t.Parallel()
	const rooms = 600
	w, asked := withRights(t, func(d *session.Config, _ *messaging.Config) { d.CatchUps, d.RoomsPerSession = 1, rooms })
	asked.gate = make(chan struct{})
	t.Cleanup(func() { close(asked.gate) })
	alice, bob := w.connects("alice"), w.connects("bob")
	if _, err := w.nodes[0].service.Create(t.Context(), *identity("bob"), chat.Room{ID: "tea"}); err != nil {
		t.Fatal(err)
	}
	said := ports.Send{Room: "tea", Body: "hello"} // before there is a feed: it comes from the log
	if _, err := ports.Record(t.Context(), w.nodes[0].service, *identity("bob"), said); err != nil {
		t.Fatal(err)
	}
	for i := range rooms {
		alice.joins(chat.RoomID(fmt.Sprint("room", i)))
	}
	alice.gets(ports.Auth{Token: "alice@room7"}, nil)
	bob.joins("tea", 0)
	bob.sees("hello")
}

func TestAHiddenRoomAsksOnceForMany(t *testing.T) {
	t.Parallel()
	w, asked := withRights(t)
	asked.gate = make(chan struct{})
	owner := *identity("owner")
	rooms := w.nodes[0].service
	if _, err := rooms.Create(t.Context(), owner, chat.Room{ID: "den", Public: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := rooms.SetMember(t.Context(), owner, "den", "user7", chat.Read); err != nil {
		t.Fatal(err)
	}
	var crowd []*client
	for i := range 1000 {
		c := w.connects(fmt.Sprint("user", i))
		c.joins("den")
		crowd = append(crowd, c)
	}
	hidden := false
	if _, err := rooms.Change(t.Context(), owner, "den", ports.RoomChange{Public: &hidden}); err != nil {
		t.Fatal(err)
	}
	// Once this is said, all are to be asked about. Until then nothing is answered, as how many
	// make one question would be for the scheduler to say.
	if _, err := ports.Record(t.Context(), rooms, owner, ports.Send{Room: "den", Body: "among us"}); err != nil {
		t.Fatal(err)
	}
	close(asked.gate)
	for i, c := range crowd {
		if i == 7 { // a member
			continue
		}
		if l := c.hears("left"); l.What != string(chat.NotFound) {
			t.Fatalf("%s has left with %+v", c.name, l)
		}
	}
	if n := asked.questions.Load(); n > 12 {
		t.Errorf("1,000 followers took %d questions", n)
	}
	if _, ok := crowd[7].awaits(func(l line) bool { return l.Kind == "entry" && l.Entry.Body == "among us" }); !ok {
		t.Error("the member hears no more")
	}
}

func TestAFreshTokenWithoutTheRightEndsTheFollowOnly(t *testing.T) {
	t.Parallel()
	w, _ := withRights(t)
	alice, bob := w.connects("alice"), w.connects("bob")
	for _, c := range []*client{alice, bob} {
		c.joins("tea")
		c.joins("den")
	}
	alice.gets(ports.Auth{Token: "alice@tea"}, nil)
	alice.isOut("den", chat.NotFound)
	bob.sends("den", "not for alice")
	bob.sends("tea", "for alice")
	alice.sees("for alice")
	alice.gets(ports.Auth{Token: "alice"}, nil)
	alice.joins("den", 0)
	alice.sees("not for alice")
}

func TestWhileTheStoreIsAwayNobodyIsSentAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, asked := withRights(t)
		alice := w.connects("alice")
		alice.joins("tea")
		alice.joins("den")
		away := error(chat.Errorf(chat.Unavailable, "the store is away"))
		asked.fails.Store(&away)
		alice.gets(ports.Auth{Token: "alice@tea"}, nil)
		time.Sleep(time.Minute / 2)
		alice.gets(ports.Ping{}, nil)
		if n := asked.questions.Load(); n < 5 || n > 70 {
			t.Errorf("%d questions in half a minute", n)
		}
		asked.fails.Store(nil)
		alice.isOut("den", chat.NotFound)
		alice.sends("tea", "hi")
		alice.sees("hi")
	})
}

// awayFor cannot tell now who may read one room.
type awayFor struct {
	ports.Reader
	room chat.RoomID
	back atomic.Bool
}

func (a *awayFor) MayRead(ctx context.Context, readers []ports.Follower) ([]ports.Right, error) {
	rights, err := a.Reader.MayRead(ctx, readers)
	for i := range rights {
		if readers[i].Room == a.room && !a.back.Load() {
			rights[i] = ports.Right{Err: chat.Errorf(chat.Unavailable, "away")}
		}
	}
	return rights, err
}

func TestARoomThatIsAwayHoldsUpNoOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		away := &awayFor{room: "den"}
		w := newWorld(t, 1, func(d *session.Config, _ *messaging.Config) {
			d.Reader = around{reader: func(r ports.Reader) ports.Reader { away.Reader = r; return away }}
		})
		alice := w.connects("alice")
		for _, room := range []chat.RoomID{"tea", "den", "pub"} {
			alice.joins(room)
		}
		alice.gets(ports.Auth{Token: "alice@*"}, nil)
		for _, room := range []chat.RoomID{"tea", "pub"} {
			alice.sends(room, string(room))
			alice.sees(string(room))
		}
		alice.sends("den", "late")
		time.Sleep(time.Minute / 2)
		away.back.Store(true)
		alice.sees("late")
	})
}

func TestAFaultOfOneQuestionEndsThatFollowOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, func(d *session.Config, _ *messaging.Config) {
			d.Reader = around{reader: func(r ports.Reader) ports.Reader { return brokenFor{r, "den"} }}
		})
		alice := w.connects("alice")
		for _, room := range []chat.RoomID{"tea", "den", "pub"} {
			alice.joins(room)
		}
		alice.gets(ports.Auth{Token: "alice@*"}, nil)
		if l := alice.hears("left"); l.ID != "den" || l.What != string(chat.Internal) {
			t.Errorf("left: %+v", l)
		}
		for _, room := range []chat.RoomID{"tea", "pub"} {
			alice.sends(room, string(room))
			alice.sees(string(room))
		}
	})
}

// brokenFor cannot tell who may read one room.
type brokenFor struct {
	ports.Reader
	room chat.RoomID
}

func (b brokenFor) MayRead(ctx context.Context, readers []ports.Follower) ([]ports.Right, error) {
	for _, r := range readers {
		if r.Room == b.room {
			return nil, errors.New("division by zero")
		}
	}
	return b.Reader.MayRead(ctx, readers)
}

func TestAFreshTokenCostsAWrite(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _ := withRights(t, func(_ *session.Config, m *messaging.Config) {
			m.RateLimit = messaging.Rate{PerSecond: 0.5, Burst: 10}
		})
		w.nodes[0].service.Create(t.Context(), chat.Identity{User: "root", Admin: true}, chat.Room{ID: "tea", Public: true})
		alice := w.connects("alice")
		alice.joins("tea")
		for i := range 9 {
			alice.gets(ports.Auth{Token: []string{"alice@tea", "alice"}[i%2]}, nil)
		}
		for _, token := range []string{"alice", "bad"} { // a refused one is not even looked at
			if l := alice.isRefused(ports.Auth{Token: token}, chat.RateLimited); l.RetryMS == 0 {
				t.Errorf("%s: %+v does not say when to try again", token, l)
			}
		}
		time.Sleep(10 * time.Second) // the follow was asked about long ago, and nobody paid for that
		alice.gets(ports.Auth{Token: "alice"}, nil)
		alice.sends("tea", "hi")
		alice.sees("hi")
	})
}
