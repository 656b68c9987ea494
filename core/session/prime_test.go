package session_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/messaging"
	"github.com/parley-chat/parley/core/session"
	"github.com/parley-chat/parley/ports"
)

// countingLog counts how often readers are served from it.
type countingLog struct {
	ports.Log
	reads atomic.Int64
}

func (l *countingLog) Read(ctx context.Context, room chat.RoomID, span ports.Span) ([]chat.Entry, error) {
	l.reads.Add(1)
	return l.Log.Read(ctx, room, span)
}

// newLongRoom returns a node with a feed that has nothing in its ring, and a room that holds
// messages "0" to "29" already.
func newLongRoom(t *testing.T) (*world, *countingLog) {
	w := newWorld(t, 1)
	writer := w.connects("writer")
	writer.joins("tea")
	for i := range 30 {
		writer.sends("tea", fmt.Sprint(i))
	}
	log := &countingLog{Log: w.store}
	late := newWorld(t, 0)
	late.log, late.store = w.store, w.store
	bus := &flakyBus{Bus: w.nodes[0].bus.Node()}
	late.start(bus, []tweak{func(c *session.Config, _ *messaging.Config) { c.Log = log }})
	return late, log
}

func bodies(from, to int) (list []string) {
	for i := from; i <= to; i++ {
		list = append(list, fmt.Sprint(i))
	}
	return list
}

func TestTheFirstToJoinReadsTheLogForTheNext(t *testing.T) {
	t.Parallel()
	w, log := newLongRoom(t)
	first := w.connects("first")
	first.joins("tea")
	first.sees(bodies(0, 29)...)
	if got := log.reads.Load(); got != 1 {
		t.Fatalf("the first to join cost %d reads", got)
	}
	for i := range 20 {
		next := w.connects(fmt.Sprint("next", i))
		next.joins("tea", chat.Seq(i)) // behind seq i is the message i
		next.sees(bodies(i, 29)...)
	}
	if got := log.reads.Load(); got != 1 {
		t.Errorf("20 more joins read the log %d times", got-1)
	}
	first.sends("tea", "30")
	last := w.connects("last")
	last.joins("tea")
	last.sees(bodies(0, 30)...)
	if got := log.reads.Load(); got != 1 {
		t.Errorf("a join behind a new entry read the log")
	}
}

func TestTheRingTakesNothingFromTheLogThatWasChanged(t *testing.T) {
	t.Parallel()
	w, log := newLongRoom(t)
	editor := w.connects("writer")
	editor.joins("tea")
	editor.sees(bodies(0, 29)...)
	editor.gets(ports.Delete{Room: "tea", Seq: 6}, nil) // message 5, entry 31: what the ring has taken from the log is cut off there
	editor.hears("entry")
	reads := log.reads.Load()

	above := w.connects("above")
	above.joins("tea", 6)
	above.sees(bodies(6, 29)...)
	if got := log.reads.Load(); got != reads {
		t.Errorf("who needs nothing that was changed read the log %d times", got-reads)
	}
	below := w.connects("below")
	below.joins("tea")
	below.sees(append(bodies(0, 4), "")...)
	below.sees(bodies(6, 29)...)
	if got := log.reads.Load(); got != reads+1 {
		t.Errorf("who needs a deleted message read the log %d times", got-reads)
	}
	again := w.connects("again") // the ring is whole from entry 7 on, as it was: there is nothing to take below a changed one
	again.joins("tea")
	again.sees(append(bodies(0, 4), "")...)
}

func TestAnEditThatTheRingTookFromTheLogIsForgottenWithItsMessage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	writer := w.connects("writer")
	writer.joins("tea")
	writer.sends("tea", "first")
	writer.gets(ports.Edit{Room: "tea", Seq: 1, Body: "secret"}, nil)
	writer.sends("tea", "second")

	late := newWorld(t, 0)
	late.log, late.store = w.store, w.store
	late.start(&flakyBus{Bus: w.nodes[0].bus.Node()}, nil)
	primer := late.connects("primer")
	primer.joins("tea")
	primer.sees("secret", "secret", "second")
	writer.gets(ports.Delete{Room: "tea", Seq: 1}, nil)
	primer.sees("") // the deletion
	reader := late.connects("reader")
	reader.joins("tea")
	reader.sees("", "", "second", "")
}
