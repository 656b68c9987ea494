package presence_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/core/chat"
)

// What arises is told by one node to those who are no readers.
func TestOneNodeTellsWhatArises(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3)
		one, two, three := c.nodes[0], c.nodes[1], c.nodes[2]
		told := func(what string, wants ...string) {
			t.Helper()
			time.Sleep(longEnough)
			for i, n := range c.nodes {
				got := ""
				for _, word := range n.first() {
					got += word + ","
				}
				mustSay(t, what, got, wants[i])
			}
		}
		one.arrives("bob", "b")
		told("who comes", "+bob,", "", "")
		two.arrives("bob", "phone")
		told("again, on another node", "", "", "")
		one.Types(chat.Signal{Room: room, User: "bob", Kind: chat.SignalTyping, On: true}, 0, "b")
		told("who types", "+bob types,", "", "")
		e := &chat.Entry{Room: room, Seq: 1, Author: chat.Author{ID: "bob"}, Fact: chat.Message{Body: "hi"}}
		for _, n := range c.nodes {
			n.Said(e)
		}
		told("who types no more, as there is the message", "-bob types,", "", "")
		one.departs("bob", "b", false)
		told("who is still there elsewhere", "", "", "")
		two.departs("bob", "phone", true)
		time.Sleep(3 * time.Second)
		told("who does not come back", "", "-bob,", "")

		one.arrives("alice", "a")
		two.arrives("carol", "c")
		three.arrives("dave", "d")
		told("some", "+alice,", "+carol,", "+dave,")
		three.stop()
		time.Sleep(10 * time.Second)
		got := append(one.first(), two.first()...)
		if len(got) != 1 || got[0] != "-dave" || len(three.first()) != 0 {
			t.Errorf("of a node that is gone: got %q", got)
		}
	})
}
