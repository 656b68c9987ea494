package session_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// A user who goes through very many rooms does not leave more feeds than one who stays in many.
func TestFeedsThatNobodyFollowsAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		alice := w.connects("alice")
		for i := range 6000 {
			room := chat.RoomID(fmt.Sprint("room", i))
			alice.joins(room)
			alice.gets(ports.Leave{Room: room}, nil)
		}
		time.Sleep(5 * time.Second)
		if open := w.nodes[0].hub.InspectFeeds(ports.FeedQuery{Limit: 1}).Open; open > 4096 {
			t.Errorf("%d feeds are open", open)
		}
		alice.joins("room7")
		alice.sends("room7", "hi")
		alice.sees("hi")
	})
}
