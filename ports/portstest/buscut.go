package portstest

import (
	"context"
	"testing"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// hearsAgain waits until b hears a, who goes on announcing, in room.
func hearsAgain(t *testing.T, a, b *busNode, room chat.RoomID, seq *chat.Seq) {
	t.Helper()
	from := *seq + 1
	b.eventually("it hears again", func() bool {
		*seq++
		_ = a.Announce(t.Context(), busEntries(room, *seq, *seq)) // a may be the one that was cut off
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.head[room] >= from
	})
}

func (s *busSuite) testCut(t *testing.T) {
	a, b, room := s.node(t).connected(), s.node(t).connected(), busRoom()
	a.follows(room)
	b.follows(room)
	a.announces(busEntries(room, 1, 1)...)
	b.reaches(room, 1)
	b.mu.Lock()
	deaf := b.deaf
	b.mu.Unlock()

	b.link.Cut()
	b.eventually("it notices that it is cut off", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		return b.Check(ctx) != nil
	})
	a.announces(busEntries(room, 2, 2)...) // nobody hears this
	within(t, "telling while cut off", func() {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		for range 100 {
			_ = b.Announce(ctx, busEntries(room, 1, 1))
			_ = b.Tell(ctx, ports.Alive{Node: "b"})
		}
		if ctx.Err() != nil {
			t.Error("telling waits while the node is cut off")
		}
	})

	b.link.Mend()
	b.hears("that it was deaf", func() bool { return b.deaf > deaf })
	b.connected()
	seq := chat.Seq(2)
	hearsAgain(t, a, b, room, &seq)
	hearsAgain(t, b, a, room, &seq)
}

func (s *busSuite) testFollowCut(t *testing.T) {
	a, b := s.node(t).connected(), s.node(t).connected()
	kept, added, dropped := busRoom(), busRoom(), busRoom()
	b.follows(kept, dropped)
	b.link.Cut()
	within(t, "following while cut off", func() {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		if err := b.Follow(ctx, added); err != nil {
			t.Errorf("Follow while cut off: %v", err)
		}
		b.Unfollow(dropped)
	})
	b.link.Mend()
	b.connected()
	var seqs [2]chat.Seq
	hearsAgain(t, a, b, kept, &seqs[0])
	hearsAgain(t, a, b, added, &seqs[1])
	a.announces(busEntries(dropped, 1, 1)...)
	before := seqs[0]
	hearsAgain(t, a, b, kept, &seqs[0])
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.head[dropped] > 0 && b.head[kept] > before {
		t.Error("a room that was dropped while cut off is followed")
	}
}

func (s *busSuite) testAwayAtStart(t *testing.T) {
	a, b, room := s.node(t).connected(), s.still(t), busRoom()
	b.link.Cut()
	b.run()
	b.follows(room)
	b.link.Mend()
	b.connected()
	var seq chat.Seq
	hearsAgain(t, a, b, room, &seq)
	hearsAgain(t, b, a.follows(room), room, &seq)
}

func (s *busSuite) testCutOften(t *testing.T) {
	a, b, room := s.node(t).connected(), s.node(t).connected(), busRoom()
	b.follows(room)
	var seq chat.Seq
	for range 5 {
		b.link.Cut()
		_ = a.Announce(t.Context(), busEntries(room, seq+1, seq+1))
		seq++
		b.link.Mend()
		hearsAgain(t, a, b, room, &seq)
	}
}
