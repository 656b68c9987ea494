package portstest

import (
	"fmt"
	"slices"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// wait makes pairs of two consumers in each of these rooms. In the first room the pair has failed
// and waits for an hour. In the second one it has stalled. In the third one it waits without having
// failed. In the fourth one it waits for nothing.
func (r rail) wait(names [4]chat.RoomID) {
	r.Helper()
	r.makes(9, names[:]...)
	all := r.holds("n1", time.Minute)
	for i, id := range names {
		for _, consumer := range []string{"audit", "other"} {
			c := ports.Cursor{Consumer: consumer, Room: id, Seq: 1, UpTo: 5, Head: 9, Sealed: []byte("s")}
			if i < 2 {
				c.Tries, c.Error, c.Stalled = 7, "away", i == 1
			}
			m := isTo(all[ports.ShareOf(id)], c)
			if i == 0 || i == 2 {
				m.Wait = time.Hour
			}
			r.mustMove(m)
		}
	}
}

// shows returns a cursor without its times.
func (r rail) shows(room chat.RoomID, consumer string) string {
	r.Helper()
	c, ok := r.cursor(room, consumer)
	if !ok {
		r.Fatalf("there is no cursor of %s in %s", consumer, room)
	}
	c.Since, c.Next = time.Time{}, time.Time{}
	return fmt.Sprint(c)
}

// mustWait fails the test unless a pair is looked at within the given time from now, or never for
// 0.
func (r rail) mustWait(room chat.RoomID, consumer string, within time.Duration) {
	r.Helper()
	c, _ := r.cursor(room, consumer)
	if within == 0 {
		if !c.Next.IsZero() {
			r.Errorf("%s in %s waits until %v, want for nothing", consumer, room, c.Next)
		}
		return
	}
	if left := time.Until(c.Next); c.Next.IsZero() || left > within || left < within-time.Hour {
		r.Errorf("%s in %s waits for %v, want at most %v", consumer, room, left, within)
	}
}

var retrySentences = []railSentence{
	{"pairs that failed and wait are looked at soon, if that is asked for, as they are", func(r rail) {
		names := [4]chat.RoomID{"fails", "stalled", "kept", "idle"}
		r.wait(names)
		var before []string
		for _, id := range names {
			before = append(before, r.shows(id, "audit"))
		}
		was, _ := r.cursor("fails", "audit")
		if err := r.Retry(r.Context(), "audit", append(names[:], "nowhere"), time.Second, false); err != nil {
			r.Fatal(err)
		}
		var after []string
		for _, id := range names {
			after = append(after, r.shows(id, "audit"))
		}
		mustEqualSlices(r, "the cursors, but for when they are looked at", after, before)
		is, _ := r.cursor("fails", "audit")
		mustEqual(r, "since when it fails", is.Since, was.Since)
		r.mustWait("fails", "audit", time.Second)
		r.mustWait("stalled", "audit", 0)
		r.mustWait("idle", "audit", 0)
		for room, consumer := range map[chat.RoomID]string{"fails": "other", "kept": "audit"} {
			c, _ := r.cursor(room, consumer)
			if left := time.Until(c.Next); left < 50*time.Minute {
				r.Errorf("%s in %s waits for %v, want as before", consumer, room, left)
			}
		}
		if err := r.Retry(r.Context(), "audit", []chat.RoomID{"fails"}, time.Hour, false); err != nil {
			r.Fatal(err)
		}
		r.mustWait("fails", "audit", time.Second) // a pair that is due sooner does not change
	}},
	{"pairs are begun anew, if that is asked for, also those that have stalled", func(r rail) {
		names := [4]chat.RoomID{"fails", "stalled", "kept", "idle"}
		r.wait(names)
		if err := r.Retry(r.Context(), "audit", names[:], 0, true); err != nil {
			r.Fatal(err)
		}
		for _, id := range names[:2] {
			want := ports.Cursor{Consumer: "audit", Room: id, Seq: 1, UpTo: 5, Head: 9, Sealed: []byte("s")}
			mustEqual(r, "the cursor", r.shows(id, "audit"), fmt.Sprint(want))
			c, _ := r.cursor(id, "audit")
			mustEqual(r, "it has failed", !c.Since.IsZero(), false)
			r.mustWait(id, "audit", time.Millisecond)
		}
		r.mustWait("idle", "audit", 0)
		var shares []ports.Share
		for _, id := range names {
			if share := ports.ShareOf(id); !slices.Contains(shares, share) {
				shares = append(shares, share)
			}
		}
		list, err := r.Waiting(r.Context(), shares, []string{"audit", "other"}, 9)
		if err != nil {
			r.Fatal(err)
		}
		var got []string
		for _, c := range list {
			got = append(got, c.Consumer+" in "+string(c.Room))
		}
		slices.Sort(got)
		mustEqualSlices(r, "what is looked at now", got, []string{"audit in fails", "audit in stalled"})
	}},
}
