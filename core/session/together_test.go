package session_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/messaging"
	"github.com/parley-chat/parley/core/session"
	"github.com/parley-chat/parley/ports"
)

// written returns how many writes clients have got.
func written(clients []*client) (writes int) {
	for _, c := range clients {
		c.pipe.mu.Lock()
		writes += c.pipe.writes
		c.pipe.mu.Unlock()
	}
	return writes
}

func TestAnAnswerAndItsEntryAreOneWrite(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, func(_ *session.Config, mc *messaging.Config) { mc.Lanes = 1 })
		room := func(i int) chat.RoomID { return chat.RoomID(fmt.Sprint("room-", i%10)) }
		clients := make([]*client, 20)
		for i := range clients {
			clients[i] = w.connects(fmt.Sprint("user", i))
			clients[i].joins(room(i))
		}
		time.Sleep(longEnough) // they are told of each other
		for _, c := range clients {
			c.told()
		}
		for round := range 5 {
			before := written(clients)
			for i, c := range clients[:10] {
				c.asks(ports.Send{Room: room(i), Body: fmt.Sprint("round ", round)})
			}
			synctest.Wait()
			if n := written(clients) - before; n != len(clients) {
				t.Errorf("10 messages to 20 members took %d writes", n)
			}
			for i, c := range clients {
				kinds := []string{"ok", "entry"}
				if i >= 10 {
					kinds = kinds[1:]
				}
				for _, kind := range kinds {
					if l, _ := c.pipe.next(); l.Kind != kind {
						t.Errorf("client %d got %+v, want %s", i, l, kind)
					}
				}
			}
			time.Sleep(longEnough)
		}
	})
}

// An answer does not wait for an entry that is none, or that nobody here follows.
func TestAnAnswerWithoutAnEntryDoesNotWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		alice := w.connects("alice")
		alice.joins("tea")
		send := ports.Send{Room: "tea", Body: "hi", Key: "k"}
		alice.gets(send, nil)
		alice.gets(send, nil) // a duplicate
		alice.gets(ports.React{Room: "tea", Seq: 1, Emoji: "👍"}, nil)
		alice.gets(ports.React{Room: "tea", Seq: 1, Emoji: "👍"}, nil) // as it is
		bob := w.connects("bob")
		bob.joins("den")
		alice.gets(ports.Send{Room: "den", Body: "in a room that she does not follow"}, nil)
	})
}
