package delivery

import (
	"cmp"
	"container/list"
	"slices"

	"github.com/parley-chat/parley/core/chat"
)

// Follow is a reader's place in one room. Its owner sets the exported fields, which never change
// then, and calls Audience.Add. Its methods are called with the reader's lock held.
type Follow struct {
	*Audience
	Reader *Reader
	Owner  Owner
	Who    chat.Author // whose it is

	pos int // in the part's followers; guarded by Audience.mu

	asked bool // is told what only those are who asked; changes with both locks held

	// Guarded by the reader's lock.
	cursor   chat.Seq      // the last entry that was handed to the connection or its outbox
	until    chat.Seq      // if bounded: the last entry that the reader may get
	sent     chat.Seq      // the last entry that the client was told is its own
	reading  *list.Element // its place in the list of readers that wait for the log
	bounded  bool          // until is set
	ends     bool          // the follow ends with the entry until
	wary     bool          // the owner is asked before the follow gets its next entry
	due      bool          // is in the reader's due list
	fetching bool          // a worker reads the log for it, or will
	held     bool          // the next entry is a send of this client, whose answer goes first
	gone     bool          // ended
}

// Owner is told what happens to a follow. Its methods are called with the reader's lock held, and
// must not wait.
type Owner interface {
	// Next tells that the follow is about to get entries, for the first time since Beware(true).
	Next()
	// Served tells that the follow was given an entry from the log.
	Served(e *chat.Entry)
	// Ended tells that the follow has got the last entry that it may have, after Finish.
	Ended()
}

// Cursor returns the last entry that was handed to the connection.
func (fl *Follow) Cursor() chat.Seq { return fl.cursor }

// Sent returns the last entry that the client was told is its own, or 0.
func (fl *Follow) Sent() chat.Seq { return fl.sent }

// Ask has the follow told, from now on, what only those are who asked.
func (fl *Follow) Ask() {
	a := fl.Audience
	a.mu.Lock()
	defer a.mu.Unlock()
	if !fl.asked && !fl.gone {
		fl.asked = true
		a.parts[fl.Reader.shard.index].asked++
	}
}

// Asked reports whether Ask was called.
func (fl *Follow) Asked() bool { return fl.asked }

// Gone reports whether the follow has ended.
func (fl *Follow) Gone() bool { return fl.gone }

// Beware sets whether the owner is told, by Next, before the follow gets its next entry.
func (fl *Follow) Beware(on bool) { fl.wary = on }

// Hold stops the follow at the entry until, for now.
func (fl *Follow) Hold(until chat.Seq) {
	if !fl.bounded || until < fl.until {
		fl.bounded, fl.until = true, until
	}
}

// Free lets a follow that was held go on.
func (fl *Follow) Free() {
	fl.bounded = false
	fl.goOn()
}

// Finish ends a follow that was held, after the last entry that it may get.
func (fl *Follow) Finish() {
	fl.ends = true
	fl.goOn()
}

func (fl *Follow) goOn() {
	fl.Reader.want(fl)
	fl.Reader.queue()
}

// goBack moves the cursor back to seq, if it is beyond.
func (fl *Follow) goBack(seq chat.Seq) {
	fl.Reader.Lock()
	defer fl.Reader.Unlock()
	fl.cursor = min(fl.cursor, seq)
}

// Lag returns how many entries up to head the reader has yet to get.
func (fl *Follow) Lag(head chat.Seq) int64 {
	if fl.gone {
		return 0
	}
	return int64(max(head-fl.cursor, 0))
}

// follows are a reader's follows, sorted by room. There are few as a rule, and a map would take
// most of an idle reader's memory.
type follows []*Follow

func (l *follows) find(room chat.RoomID) (at int, found bool) {
	return slices.BinarySearchFunc(*l, room, func(fl *Follow, room chat.RoomID) int { return cmp.Compare(fl.Room(), room) })
}

// in returns the follow of a room, or nil.
func (l *follows) in(room chat.RoomID) *Follow {
	if at, found := l.find(room); found {
		return (*l)[at]
	}
	return nil
}

// put adds a follow of a room that has none yet.
func (l *follows) put(fl *Follow) {
	at, _ := l.find(fl.Room())
	if *l == nil {
		*l = make(follows, 0, 1)
	}
	*l = slices.Insert(*l, at, fl)
}

// remove takes a follow out, if it is there.
func (l *follows) remove(fl *Follow) {
	if at, found := l.find(fl.Room()); found && (*l)[at] == fl {
		*l = slices.Delete(*l, at, at+1)
	}
}
