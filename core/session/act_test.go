package session_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// acts gives a command for somebody else and returns its id.
func (c *client) acts(as chat.As, ask ports.Ask) string {
	c.t.Helper()
	c.asked++
	id := fmt.Sprint(c.asked)
	c.session.Command(context.Background(), ports.Command{ID: id, As: &as, Ask: ask})
	return id
}

// answered returns the answer to a command.
func (c *client) answered(id string) line {
	c.t.Helper()
	l, ok := c.awaits(func(l line) bool { return l.ID == id && l.Kind != "welcome" })
	if !ok {
		c.t.Fatalf("%s: the connection ended before the answer to %s", c.name, id)
	}
	return l
}

var (
	asBob    = chat.As{User: "bob", Name: "Bob"}
	asSystem = chat.As{User: chat.System}
)

func TestAServiceActsForOthersByASocket(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	alice, service := w.connects("alice"), w.connects("svc")
	alice.joins("tea", 0)
	service.joins("tea", 0)
	// The answer comes before the entry, as with what one says oneself.
	id := service.acts(asBob, ports.Send{Room: "tea", Body: "hi", Key: "k"})
	if l, _ := service.pipe.next(); l.ID != id || l.Kind != "ok" {
		t.Fatalf("the service heard %+v before the answer", l)
	}
	for _, c := range []*client{alice, service} {
		if e := c.hears("entry").Entry; e.Author != "bob" || e.Via != "shop" || e.Body != "hi" {
			t.Errorf("%s got %+v", c.name, e)
		}
	}
	// The same key is another one of another author, and the same of the same.
	for i, row := range []struct {
		as  chat.As
		seq chat.Seq
		two bool
	}{{asBob, 1, true}, {asSystem, 2, false}, {asSystem, 2, true}} {
		var sent ports.Receipt
		l := service.answered(service.acts(row.as, ports.Send{Room: "tea", Body: "hi", Key: "k"}))
		if l.Kind != "ok" || json.Unmarshal(l.Answer, &sent) != nil || sent.Seq != row.seq || sent.Duplicate != row.two {
			t.Errorf("%d: got %+v %+v", i, l, sent)
		}
	}
	// As bob it changes what is bob's, as the system it deletes anything; by itself neither.
	service.isRefusedAs(chat.As{User: "carol"}, ports.Edit{Room: "tea", Seq: 1, Body: "ho"}, chat.Forbidden)
	service.isRefused(ports.Delete{Room: "tea", Seq: 1}, chat.Forbidden)
	for _, ask := range []struct {
		as  chat.As
		ask ports.Ask
	}{
		{asBob, ports.Edit{Room: "tea", Seq: 1, Body: "ho"}},
		{asBob, ports.React{Room: "tea", Seq: 2, Emoji: "👍"}},
		{asSystem, ports.Delete{Room: "tea", Seq: 1}},
		{asBob, ports.History{Room: "tea", Limit: 5}},
		{asBob, ports.Mark{Room: "tea", Seq: 2}},
	} {
		if l := service.answered(service.acts(ask.as, ask.ask)); l.Kind != "ok" {
			t.Errorf("%#v as %s: got %+v", ask.ask, ask.as.User, l)
		}
	}
	// A mark is told as that of whose it is.
	l, _ := alice.awaits(func(l line) bool { return l.Signal != nil && l.Signal.Kind == chat.SignalRead })
	if want := (chat.Signal{Room: "tea", User: "bob", Kind: chat.SignalRead, Seq: 2}); l.Signal == nil || *l.Signal != want {
		t.Errorf("alice heard %+v, want %+v", l.Signal, want)
	}
	service.isRefusedAs(asSystem, ports.Mark{Room: "tea", Seq: 2}, chat.Invalid)
}

// isRefusedAs asks for somebody else and expects an error of a kind.
func (c *client) isRefusedAs(as chat.As, ask ports.Ask, kind chat.Kind) {
	c.t.Helper()
	if l := c.answered(c.acts(as, ask)); l.Kind != "error" || l.What != string(kind) {
		c.t.Errorf("%s asked %#v as %s and got %+v, want the error %s", c.name, ask, as.User, l, kind)
	}
}

func TestNobodyElseActsForOthersByASocket(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	alice, service := w.connects("alice"), w.connects("svc")
	alice.joins("tea", 0)
	service.joins("tea", 0)
	for _, ask := range []ports.Ask{
		ports.Send{Room: "tea", Body: "hi"},
		ports.Edit{Room: "tea", Seq: 1, Body: "hi"},
		ports.Delete{Room: "tea", Seq: 1},
		ports.React{Room: "tea", Seq: 1, Emoji: "x"},
		ports.History{Room: "tea", Limit: 1},
		ports.Mark{Room: "tea", Seq: 1},
	} {
		alice.isRefusedAs(asBob, ask, chat.Forbidden)
		alice.isRefusedAs(asSystem, ask, chat.Forbidden)
	}
	// Who follows a room, types or is there is the session's user, and nobody else.
	for _, ask := range []ports.Ask{
		ports.Auth{Token: "svc"},
		ports.Join{Room: "tea"},
		ports.Leave{Room: "tea"},
		ports.Typing{Room: "tea", On: true},
		ports.Presence{Room: "tea"},
		ports.Ping{},
	} {
		alice.isRefusedAs(asBob, ask, chat.Invalid)
		service.isRefusedAs(asBob, ask, chat.Invalid)
	}
	if heads, err := w.store.Heads(t.Context(), []chat.RoomID{"tea"}); err != nil || heads["tea"] != 0 {
		t.Errorf("the room has %v, %v", heads, err)
	}
}
