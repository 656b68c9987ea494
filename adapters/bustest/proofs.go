package bustest

import (
	"context"
	"testing"
	"time"

	"github.com/parley-chat/parley/core/chat"
)

// The functions of this file check how a bus reacts to its server; node starts one more node on the
// bus.

// Restart stops the server and starts it again: nodes must notice it, connect again, and call Deaf.
func (s *Server) Restart(t *testing.T, node func() *Node) {
	t.Helper()
	a, b := node().Connected(), node().Connected()
	b.HearsOf(a)
	deaf := b.Deafened()
	s.Stop()
	Eventually(t, "it is missed", func() bool { return a.Check(t.Context()) != nil && b.Check(t.Context()) != nil })
	s.Start()
	a.Connected()
	b.Connected().HearsOf(a)
	Eventually(t, "it was deaf", func() bool { return b.Deafened() > deaf })
}

// Hang makes the server answer nothing for a while. Nodes must notice it, and no call may wait for
// it.
func (s *Server) Hang(t *testing.T, node func() *Node) {
	t.Helper()
	a := node().Connected()
	s.Freeze()
	say := func() error { return a.Announce(t.Context(), []chat.Entry{Message("tea", 1, 4000)}) }
	Eventually(t, "it is missed, and nobody waits for it", func() bool {
		for range 100 {
			_ = say()
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		return a.Check(ctx) != nil
	})
	Eventually(t, "telling is refused", func() bool { return say() != nil })
	s.Thaw()
	a.Connected()
}

// Apart checks that nodes with different prefixes do not hear each other. with starts a node that
// has a prefix.
func Apart(t *testing.T, with func(prefix string) *Node) {
	t.Helper()
	a, b, c, d := with("one").Connected(), with("one").Connected(), with("two").Connected(), with("two").Connected()
	for _, n := range []*Node{b, c} {
		if err := n.Follow(t.Context(), "tea"); err != nil {
			t.Fatal(err)
		}
	}
	for seq, from := range map[chat.Seq]*Node{9: a, 2: d} {
		if err := from.Announce(t.Context(), []chat.Entry{Message("tea", seq, 1)}); err != nil {
			t.Fatal(err)
		}
	}
	Eventually(t, "each hears of its own", func() bool { return b.Heard("tea") > 0 && c.Heard("tea") > 0 })
	if b.Heard("tea") != 9 || c.Heard("tea") != 2 {
		t.Errorf("heard of %d and %d", b.Heard("tea"), c.Heard("tea"))
	}
}
