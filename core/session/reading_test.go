package session_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/messaging"
	"github.com/parley-chat/parley/core/session"
	"github.com/parley-chat/parley/ports"
)

// reads opens a session of a user that reads rooms and gives no commands.
func (w *world) reads(user string, rooms ...ports.Join) (*client, error) {
	w.t.Helper()
	c := &client{t: w.t, world: w, name: user, pipe: newPipe(1 << 20)}
	var err error
	if c.session, err = w.nodes[0].hub.Open(c.pipe, ports.Opening{Identity: identity(user), Reads: rooms, Via: "events"}); err == nil {
		w.t.Cleanup(c.hangsUp)
	}
	return c, err
}

func (w *world) open() ports.SessionsSeen {
	return w.nodes[0].hub.InspectSessions(ports.SessionQuery{Limit: 10})
}

func TestAReaderHasItsRoomsFromTheStart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		alice := w.connects("alice")
		for _, room := range []chat.RoomID{"tea", "coffee"} {
			alice.joins(room)
			alice.sends(room, string(room)+" 1")
			alice.sends(room, string(room)+" 2")
		}
		w.store.Create(t.Context(), chat.Room{ID: "den"}, "owner")
		bob, err := w.reads("bob", ports.Join{Room: "tea", After: new(chat.Seq(1))}, ports.Join{Room: "den", Limit: 1}, ports.Join{Room: "coffee", Limit: 0})
		if err != nil {
			t.Fatal(err)
		}
		bob.hears("welcome")
		if l := bob.hears("left"); l.ID != "den" || l.What != string(chat.NotFound) {
			t.Errorf("of a room that he may not read bob is told %+v", l)
		}
		bob.sees("tea 2")
		alice.sends("coffee", "coffee 3")
		bob.sees("coffee 3")
		for _, one := range w.open().Sessions {
			if want := map[chat.UserID]string{"alice": "socket", "bob": "events"}[one.User]; one.Via != want {
				t.Errorf("%s is connected by %q", one.User, one.Via)
			}
		}
	})
}

func TestAReaderOfNothingIsRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		away := errors.New("no store")
		broken := false
		w := newWorld(t, 1, func(c *session.Config, _ *messaging.Config) {
			c.Reader = around{reader: func(r ports.Reader) ports.Reader { return &unreachable{r, &broken, away} }}
		})
		w.store.Create(t.Context(), chat.Room{ID: "den"}, "owner")
		w.store.Create(t.Context(), chat.Room{ID: "tea", Public: true}, "")
		den, tea := ports.Join{Room: "den"}, ports.Join{Room: "tea"}
		ahead := ports.Join{Room: "tea", After: new(chat.Seq(7))}
		for _, test := range []struct {
			reads []ports.Join
			kind  chat.Kind
			says  string
		}{
			{[]ports.Join{den}, chat.NotFound, ""},
			{[]ports.Join{ahead}, chat.Invalid, "after is 7"},
			{[]ports.Join{ahead, den}, chat.Invalid, "tea: after is 7"},
		} {
			if _, err := w.reads("bob", test.reads...); chat.AsError(err).Kind != test.kind || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v: %v", test.reads, err)
			}
		}
		broken = true // as it may be back soon, nobody may be left with a part of their rooms
		if _, err := w.reads("bob", den, tea); !errors.Is(err, chat.Unavailable) {
			t.Errorf("without a store: %v", err)
		}
		if seen := w.open(); seen.Open != 0 {
			t.Errorf("%d sessions are left", seen.Open)
		}
	})
}

// unreachable is a reader whose store cannot be reached for public rooms while it is broken.
type unreachable struct {
	ports.Reader
	broken *bool
	cause  error
}

func (r *unreachable) Enter(ctx context.Context, by chat.Identity, room chat.RoomID) (chat.Standing, chat.Role, error) {
	if *r.broken && room == "tea" {
		return chat.Standing{}, chat.None, &chat.Error{Kind: chat.Unavailable, Reason: "away", Cause: r.cause}
	}
	return r.Reader.Enter(ctx, by, room)
}

func TestAReaderOfManyRoomsWaitsForItsLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, func(_ *session.Config, m *messaging.Config) {
			m.RateLimit = messaging.Rate{PerSecond: 1, Burst: 2} // of 20 joins, and 10 more each second
		})
		var rooms []ports.Join
		for i := range 50 {
			rooms = append(rooms, ports.Join{Room: chat.RoomID(fmt.Sprint("r", i))})
		}
		began := time.Now()
		bob, err := w.reads("bob", rooms...)
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < 2*time.Second || took > 4*time.Second {
			t.Errorf("it took %v", took)
		}
		for range rooms {
			bob.hears("ok")
		}
	})
}
