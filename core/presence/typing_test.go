package presence_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/core/chat"
)

// stage is two nodes whose readers note what they are told of typing, and when.
type stage struct {
	t     *testing.T
	nodes []*node
	began time.Time
}

func newStage(t *testing.T) *stage {
	t.Helper()
	return &stage{t: t, nodes: newCluster(t, 2).nodes, began: time.Now()}
}

// types tells the first node that a user types, or not. sent is their last entry that they know of.
func (s *stage) types(user chat.UserID, on bool, sent, head chat.Seq, session string) {
	sig := chat.Signal{Room: room, User: user, Kind: chat.SignalTyping, On: on, Seq: sent}
	s.nodes[0].Types(sig, head, session)
}

// says has a message come to both nodes.
func (s *stage) says(user chat.UserID, seq chat.Seq) {
	e := chat.Entry{Room: room, Seq: seq, Author: chat.Author{ID: user}, Fact: chat.Message{Body: "hi"}}
	for _, n := range s.nodes {
		n.Said(&e)
	}
}

// hears lets time pass, and checks what the readers of both nodes were told of typing until then.
func (s *stage) hears(until time.Duration, want ...string) {
	s.t.Helper()
	time.Sleep(time.Until(s.began.Add(until)))
	synctest.Wait()
	for i, n := range s.nodes {
		var got []string
		for _, sig := range n.takes() {
			word := fmt.Sprint(sign(sig.On), sig.User)
			if sig.Seq > 0 {
				word += fmt.Sprint(" behind ", sig.Seq)
			}
			got = append(got, word)
		}
		if !slices.Equal(got, want) {
			s.t.Errorf("by %v, node %d was told %q, want %q", until, i, got, want)
		}
	}
}

func TestTypingEnds(t *testing.T) {
	t.Parallel()
	on := func(name string, play func(s *stage)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t)
				s.types("alice", true, 0, 0, "a")
				s.hears(100*time.Millisecond, "+alice")
				play(s)
			})
		})
	}
	on("by itself, after six seconds", func(s *stage) {
		s.hears(5900 * time.Millisecond)
		s.hears(6100*time.Millisecond, "-alice")
		s.hears(time.Minute)
	})
	on("when the typist says so", func(s *stage) {
		s.types("alice", false, 0, 0, "a")
		s.hears(200*time.Millisecond, "-alice")
		s.types("alice", false, 0, 0, "a")
		s.hears(time.Minute)
	})
	on("behind what the typist says", func(s *stage) {
		s.says("alice", 1)
		s.hears(200*time.Millisecond, "-alice behind 1")
		s.says("alice", 1)
		s.says("alice", 2)
		s.hears(time.Minute)
	})
	on("not when another says something", func(s *stage) {
		s.says("bob", 1)
		s.hears(5900 * time.Millisecond)
		s.hears(6100*time.Millisecond, "-alice")
	})
	on("when the session stops", func(s *stage) {
		s.nodes[0].StopTyping(room, "another")
		s.hears(200 * time.Millisecond)
		s.nodes[0].StopTyping(room, "a")
		s.hears(300*time.Millisecond, "-alice")
		s.hears(time.Minute)
	})
	on("when the other node is gone, too", func(s *stage) {
		s.nodes[0].stop()
		s.nodes = s.nodes[1:]
		s.hears(5900 * time.Millisecond)
		s.hears(6200*time.Millisecond, "-alice")
	})
	on("and not by what was said before", func(s *stage) {
		s.types("alice", true, 7, 0, "a") // 7 has yet to come here
		s.says("alice", 7)
		s.hears(200*time.Millisecond, "-alice behind 7")
		s.hears(2900 * time.Millisecond)
		s.hears(3100*time.Millisecond, "+alice")
		s.hears(6300*time.Millisecond, "-alice")
	})
}

func TestTypingIsNotToldToTheTypist(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.types("alice", true, 0, 0, "a")
		time.Sleep(10 * time.Second)
		for node, want := range []string{"a", ""} {
			for _, sig := range s.nodes[node].takes() {
				mustSay(t, fmt.Sprint("not told on node ", node), sig.origin, want)
			}
		}
	})
}

func TestTypingIsToldSeldom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		for range 50 { // at once
			s.types("alice", true, 0, 0, "a")
			s.types("alice", true, 0, 0, "b")
		}
		s.hears(5900*time.Millisecond, "+alice")
		s.hears(6100*time.Millisecond, "-alice")
		for at := 10 * time.Second; at < 19*time.Second; at += 500 * time.Millisecond {
			time.Sleep(time.Until(s.began.Add(at)))
			s.types("alice", true, 0, 0, "a")
		}
		s.hears(24*time.Second, "+alice", "+alice", "+alice", "+alice")
		s.hears(25*time.Second, "-alice")
		for range 20 {
			s.types("alice", true, 0, 0, "a")
			s.types("alice", false, 0, 0, "a")
		}
		s.types("alice", true, 0, 0, "a")
		s.hears(27900*time.Millisecond, "+alice", "-alice")
		s.hears(28100*time.Millisecond, "+alice")
	})
}

func TestTypistsAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		var want []string
		for i := range 150 {
			user := chat.UserID(fmt.Sprintf("user%03d", i))
			s.types(user, true, 0, 0, string(user))
			if i < 100 {
				want = append(want, "+"+string(user))
			}
			if i%25 == 24 {
				s.hears(time.Duration(i)*time.Millisecond, want...)
				want = nil
			}
		}
	})
}
