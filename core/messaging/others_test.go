package messaging_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/messaging"
	"github.com/parley-chat/parley/ports"
)

// countingMarks counts how often a directory is asked for marks.
type countingMarks struct {
	ports.Directory
	asked *atomic.Int64
}

func (d countingMarks) Marks(ctx context.Context, room chat.RoomID, limit int) ([]ports.ReadMark, bool, error) {
	d.asked.Add(1)
	return d.Directory.Marks(ctx, room, limit)
}

// A room of many is asked for its marks once in a while: who joins it costs no more than before.
func TestGuardMarksOfALargeRoomAreAskedForSeldom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		n := newNode(t, func(c *messaging.Config) { c.Directory = countingMarks{c.Directory, &asked} })
		defer n.stop()
		n.room("tea", true)
		n.room("hall", true)
		root := n.user("root").asAdmin()
		root.says("tea", "hi")
		var members []ports.MemberSet
		for i := range ports.MaxMarks + 1 {
			members = append(members, ports.MemberSet{User: chat.UserID(fmt.Sprint("u", i)), Role: chat.Read})
		}
		root.setsAll("hall", members...)
		root.setsAll("tea", members[:ports.MaxMarks]...)
		for range 100 {
			if marks, err := root.Marks(t.Context(), root.Identity, "hall"); marks != nil || err != nil {
				t.Fatalf("got %v, %v", marks, err)
			}
		}
		if got := asked.Swap(0); got != 1 {
			t.Errorf("the large room was asked %d times", got)
		}
		for _, user := range []string{"alice", "bob"} {
			u := n.user(user)
			if _, err := u.Mark(t.Context(), u.Identity, ports.Mark{Room: "tea", Seq: 1}); err != nil {
				t.Fatal(err)
			}
		}
		alice := n.user("alice")
		marks, err := alice.Marks(t.Context(), alice.Identity, "tea")
		if want := []ports.ReadMark{{Room: "tea", User: "bob", Seq: 1}}; err != nil || !slices.Equal(marks, want) {
			t.Errorf("got %v, %v, want %v", marks, err, want)
		}
		// It may have become smaller.
		if err := root.RemoveMember(t.Context(), root.Identity, "hall", "u0"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if marks, err := root.Marks(t.Context(), root.Identity, "hall"); marks == nil || len(marks) != 0 || err != nil {
			t.Errorf("got %v, %v", marks, err)
		}
	})
}

// Ids may be as long as an answer has no room for.
func TestMarksFitIntoAnAnswer(t *testing.T) {
	t.Parallel()
	n := newNode(t, func(c *messaging.Config) { c.AnswerBytes = 64 << 10 })
	n.room("tea", true)
	n.user("alice").says("tea", "hi")
	alice := n.user("alice")
	for i := range ports.MaxMarks {
		u := n.user(fmt.Sprintf("%03d%s", i, strings.Repeat("\u2028", 120)))
		if _, err := u.Mark(t.Context(), u.Identity, ports.Mark{Room: "tea", Seq: 1}); err != nil {
			t.Fatal(err)
		}
		marks, err := alice.Marks(t.Context(), alice.Identity, "tea")
		if err != nil || marks != nil && len(marks) != i+1 || marks == nil && i < 50 || marks != nil && i > 90 {
			t.Fatalf("after %d: %d marks, %v", i, len(marks), err)
		}
	}
}

func TestMarksAreForWhoMayRead(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.room("den", false)
	bob := n.user("bob")
	for _, room := range []chat.RoomID{"den", "none"} {
		if marks, err := bob.Marks(t.Context(), bob.Identity, room); marks != nil || chat.AsError(err).Kind != chat.NotFound {
			t.Errorf("%s: got %v, %v", room, marks, err)
		}
	}
}
