package session_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// stage is a room in which readers on both of two nodes note what they hear of typing, and when.
type stage struct {
	t       *testing.T
	w       *world
	began   time.Time
	readers []*client
}

func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{t: t, w: newWorld(t, 2)}
	for node := range 2 {
		c := s.w.connectsTo(node, fmt.Sprint("reader", node), 1<<20)
		c.joins("tea")
		s.readers = append(s.readers, c)
	}
	time.Sleep(time.Second)
	s.began = time.Now()
	return s
}

// types tells that a client types, or not.
func (c *client) types(on bool) {
	c.t.Helper()
	c.gets(ports.Typing{Room: "tea", On: on}, nil)
}

// until lets time pass, up to that after the beginning.
func (s *stage) until(d time.Duration) { time.Sleep(time.Until(s.began.Add(d))) }

// hears lets time pass, and expects that both readers have heard of typing and messages by then,
// and nothing else.
func (s *stage) hears(until time.Duration, want ...string) {
	s.t.Helper()
	s.until(until)
	synctest.Wait()
	for _, r := range s.readers {
		var got []string
		for l, ok := r.pipe.tryNext(); ok; l, ok = r.pipe.tryNext() {
			switch {
			case l.Kind == "entry" && l.Entry.Fact == "message":
				got = append(got, l.Entry.Body)
			case l.Kind == "signal" && l.Signal.Kind == chat.SignalTyping && l.Signal.On:
				got = append(got, string(l.Signal.User)+" types")
			case l.Kind == "signal" && l.Signal.Kind == chat.SignalTyping:
				got = append(got, string(l.Signal.User)+" stops")
			}
		}
		if !slices.Equal(got, want) {
			s.t.Errorf("%s has heard %q by %v, want %q", r.name, got, until, want)
		}
	}
}

func TestTypingEnds(t *testing.T) {
	t.Parallel()
	on := func(name string, play func(t *testing.T, s *stage, alice *client)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t)
				alice := s.w.connects("alice")
				alice.joins("tea")
				alice.types(true)
				s.hears(100*time.Millisecond, "alice types")
				play(t, s, alice)
			})
		})
	}
	on("by itself, after six seconds", func(t *testing.T, s *stage, alice *client) {
		s.hears(5900 * time.Millisecond)
		s.hears(6100*time.Millisecond, "alice stops")
		s.hears(time.Minute)
	})
	on("when the typist says so", func(t *testing.T, s *stage, alice *client) {
		alice.types(false)
		s.hears(200*time.Millisecond, "alice stops")
		alice.types(false)
		s.hears(time.Minute)
	})
	on("behind what the typist sends", func(t *testing.T, s *stage, alice *client) {
		alice.sends("tea", "hi")
		s.hears(200*time.Millisecond, "hi", "alice stops")
		s.hears(time.Minute)
	})
	on("when the typist sends by another way", func(t *testing.T, s *stage, alice *client) {
		say := ports.Send{Room: "tea", Body: "by HTTP"}
		if _, err := ports.Record(t.Context(), s.w.nodes[1].service, *identity("alice"), say); err != nil {
			t.Fatal(err)
		}
		s.hears(200*time.Millisecond, "by HTTP", "alice stops")
	})
	on("not when another sends", func(t *testing.T, s *stage, alice *client) {
		s.w.connects("bob").sends("tea", "hi")
		s.hears(5900*time.Millisecond, "hi")
		s.hears(6100*time.Millisecond, "alice stops")
	})
	on("when the typist leaves", func(t *testing.T, s *stage, alice *client) {
		alice.gets(ports.Leave{Room: "tea"}, nil)
		s.hears(200*time.Millisecond, "alice stops")
	})
	on("when the typist's connection is gone", func(t *testing.T, s *stage, alice *client) {
		alice.hangsUp()
		s.hears(200*time.Millisecond, "alice stops")
	})
	on("not when another connection of the typist's goes", func(t *testing.T, s *stage, alice *client) {
		again := s.w.connects("alice")
		again.joins("tea")
		again.hangsUp()
		s.hears(5900 * time.Millisecond)
	})
	on("when the other node is gone, too", func(t *testing.T, s *stage, alice *client) {
		s.w.nodes[0].stop()
		s.readers = s.readers[1:]
		s.hears(5900 * time.Millisecond)
		s.hears(6200*time.Millisecond, "alice stops")
	})
	on("and what is typed right behind a send is not ended by it", func(t *testing.T, s *stage, alice *client) {
		alice.asks(ports.Send{Room: "tea", Body: "hi"})
		alice.types(true)
		s.hears(2900*time.Millisecond, "hi", "alice stops") // as what was typed before it is said
		s.hears(5900*time.Millisecond, "alice types")
		s.hears(6300*time.Millisecond, "alice stops")
	})
}

func TestTypingIsToldSeldom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		one, two := s.w.connects("alice"), s.w.connects("alice")
		for _, c := range []*client{one, two} {
			c.joins("tea")
		}
		for range 50 { // at once
			one.types(true)
			two.types(true)
		}
		s.hears(5900*time.Millisecond, "alice types")
		s.hears(6100*time.Millisecond, "alice stops")
		for at := 10 * time.Second; at < 19*time.Second; at += 500 * time.Millisecond {
			s.until(at)
			one.types(true)
		}
		s.hears(24*time.Second, "alice types", "alice types", "alice types", "alice types")
		s.hears(25*time.Second, "alice stops")
		s.until(30 * time.Second)
		one.types(true)
		s.hears(30100*time.Millisecond, "alice types")
		one.types(false)
		s.hears(30200*time.Millisecond, "alice stops")
		for range 20 {
			one.types(true)
			one.types(false)
		}
		one.types(true)
		s.hears(32900 * time.Millisecond)
		s.hears(33100*time.Millisecond, "alice types")
	})
}

func TestTypingIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		alice := s.w.connects("alice")
		alice.types(true) // without having joined
		s.hears(100*time.Millisecond, "alice types")
		for i := range 8 {
			room := chat.RoomID(fmt.Sprint("room", i))
			alice.joins(room)
			alice.gets(ports.Typing{Room: room, On: true}, nil)
		}
		s.hears(200*time.Millisecond, "alice stops") // nobody types in nine rooms at once
		s.until(20 * time.Second)
		var want []string
		for i := range 150 {
			c := s.w.connects(fmt.Sprintf("user%03d", i))
			c.types(true)
			if i < 100 {
				want = append(want, c.name+" types")
			}
			if i%25 == 24 {
				s.hears(20*time.Second+time.Duration(i)*time.Millisecond, want...)
				want = nil
			}
		}
	})
}
