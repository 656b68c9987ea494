package session

import (
	"container/list"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/delivery"
)

// follow is a session's place in one room, and whether its user may still read there.
type follow struct {
	delivery.Follow
	session *session

	// Guarded by the session's lock.
	cleared chat.Seq      // the head of the log when the user's right to read was last checked
	refused error         // why they may not read any more: the follow ends at its last entry
	asking  *list.Element // its place in the hub's list of checks
	check   check
	tries   uint8

	// The room did not exist yet. When it is made, the user may have no right to it.
	unmade bool
}

var _ delivery.Owner = (*follow)(nil)

// newFollow returns a follow for a user who might read the room when it was as seen.
func newFollow(s *session, a *delivery.Audience, seen chat.Room) *follow {
	fl := &follow{session: s, cleared: seen.Head}
	fl.Audience, fl.Reader, fl.Owner, fl.Who = a, s.Reader, fl, s.identity.Author()
	fl.setUnmade(!seen.Made())
	return fl
}

// of returns the session's side of a follow.
func of(fl *delivery.Follow) *follow { return fl.Owner.(*follow) }

// setUnmade notes whether the room is yet to be made. The lock is held.
func (fl *follow) setUnmade(unmade bool) {
	fl.unmade = unmade
	fl.Beware(unmade)
}

// Next implements delivery.Owner.
func (fl *follow) Next() { fl.session.hub.doubt(fl, fl.Cursor()) }

// Served implements delivery.Owner.
func (fl *follow) Served(e *chat.Entry) {
	if chat.EndsReading(e.Fact, fl.Who.ID) {
		fl.session.hub.recheck(fl, e.Seq)
	}
}

// Ended implements delivery.Owner.
func (fl *follow) Ended() { fl.session.dismiss(fl) }
