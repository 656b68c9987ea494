package delivery

import (
	"cmp"
	"container/list"
	"slices"

	"github.com/parley-chat/parley/core/chat"
)

// follow is one session's place in one room.
type follow struct {
	session *session
	*audience
	who chat.Author
	pos int // in the part's followers; guarded by audience.mu

	// Guarded by the session's mu.
	cursor   chat.Seq      // the last entry that was handed to the connection or its outbox
	until    chat.Seq      // with bounded: the last entry that the session may have, for now or for good
	sent     chat.Seq      // the last entry that the session was told is its own
	cleared  chat.Seq      // whether the user may read was looked at when the room's log reached here
	refused  error         // why they may not: the follow ends with the entry until
	reading  *list.Element // its place among those that wait for the log
	asking   *list.Element // its place among those of whom it is asked whether they may still read
	check    check
	tries    uint8
	bounded  bool // until counts
	unmade   bool // there was no such room yet: with its first entry it is another one, and the user may have no right to it
	due      bool // is in the session's due list
	fetching bool // a worker reads the log for it
	held     bool // waits for the answer to a send of this session that the log has already
	gone     bool // ended
}

// follows are a session's, in the order of their rooms: few, as a rule, and then a map would be most of what an idle session costs.
type follows []*follow

func (l *follows) find(room chat.RoomID) (at int, found bool) {
	return slices.BinarySearchFunc(*l, room, func(fl *follow, room chat.RoomID) int { return cmp.Compare(fl.Room(), room) })
}

// in returns the follow of a room, or nil.
func (l *follows) in(room chat.RoomID) *follow {
	if at, found := l.find(room); found {
		return (*l)[at]
	}
	return nil
}

// put adds a follow; the room has none.
func (l *follows) put(fl *follow) {
	at, _ := l.find(fl.Room())
	if *l == nil {
		*l = make(follows, 0, 1)
	}
	*l = slices.Insert(*l, at, fl)
}

// remove takes a follow out, if it is there.
func (l *follows) remove(fl *follow) {
	if at, found := l.find(fl.Room()); found && (*l)[at] == fl {
		*l = slices.Delete(*l, at, at+1)
	}
}

// goBack has a follow go on behind seq, if it is beyond.
func (fl *follow) goBack(seq chat.Seq) {
	fl.session.mu.Lock()
	defer fl.session.mu.Unlock()
	fl.cursor = min(fl.cursor, seq)
}
