package feed_test

import (
	"testing"
	"testing/synctest"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// sets appends a set to the log, and returns its entry.
func (w *world) sets(of chat.SetType, target chat.Seq, slot, data string) chat.Entry {
	w.t.Helper()
	f := chat.Set{Type: of, Target: target, Slot: slot}
	if data != "" {
		f.Data = []byte(data)
	}
	return w.does(f)
}

func (w *world) does(f chat.Fact) chat.Entry {
	w.t.Helper()
	o, err := w.store.Append(w.t.Context(), []chat.Proposal{{
		Room: "tea", Author: chat.Author{ID: "alice"}, By: chat.Rights{Admin: true}, Key: chat.NewKey(), Fact: f,
	}})
	if err != nil || o[0].Err != nil {
		w.t.Fatal(err, o)
	}
	return o[0].Entry
}

// The ring has values of slots only while they hold, and messages only as they were at first.
func TestTheRingGivesNoValueThatASlotHoldsNoMore(t *testing.T) {
	t.Parallel()
	const set = "(chat.Set)."
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		f := w.acquire()
		w.hears(w.says("one"), w.says("two"))
		w.shows(f, 2, "one.two.")
		w.hears(w.sets("x.a", 2, "", `1`)) // two is another one now
		w.shows(f, 3, set)
		w.hears(w.sets("x.a", 2, "b", `1`), w.sets("x.b", 2, "", `1`), w.sets("x.a", 0, "", `1`))
		w.shows(f, 6, set+set+set+set) // other slots
		w.hears(w.sets("x.a", 2, "b", `2`))
		w.shows(f, 7, set+set+set) // 4 and what was before it are gone
		w.hears(w.sets("x.a", 0, "", `2`))
		w.shows(f, 8, set+set)
		w.hears(w.says("three"), w.sets("x.a", 0, "", ""))
		w.shows(f, 10, "three."+set)
		w.hears(w.sets("x.a", 0, "", `3`)) // nothing of the slot is in the ring that says anything
		w.shows(f, 11, "three."+set+set)
		w.hears(w.sets("x.c", 1, "", `1`), w.says("four"), w.does(chat.Deleted{Target: 1}))
		w.shows(f, 14, "four.(chat.Deleted).") // what was set on it is gone with it
	})
}

// What is read from the log for the ring is dropped like what came as news.
func TestWhatIsReadForTheRingIsDroppedToo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		old := []chat.Entry{w.says("one"), w.sets("x.a", 0, "", `1`), w.sets("x.a", 0, "b", `1`)}
		f := w.acquire()
		w.shows(f, 3, "")
		f.Prime(f.View(), old)
		w.shows(f, 3, "one.(chat.Set).(chat.Set).")
		w.hears(w.sets("x.a", 0, "", `2`))
		w.shows(f, 4, "(chat.Set).(chat.Set).")
	})
}

func TestAMessageWithSlotsIsNotPutIntoTheRing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.says("one")
		w.sets("x.a", 1, "", `1`)
		f := w.acquire()
		old, err := w.store.Read(t.Context(), "tea", ports.Span{Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		f.Prime(f.View(), old)
		w.shows(f, 2, "(chat.Set).")
	})
}
