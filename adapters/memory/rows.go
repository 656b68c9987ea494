package memory

import (
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/ledger"
)

var _ ledger.Rows = rows{}

// rows is a room as the judge sees it.
type rows struct{ *room }

// Room implements ledger.Rows.
func (r rows) Room() *ledger.Room { return &r.room.Room }

// Used implements ledger.Rows.
func (r rows) Used(author chat.UserID, key chat.Key) (earlier chat.Entry, used bool, _ error) {
	seq := r.keys[authorKey{author, key}]
	if seq == 0 {
		return chat.Entry{}, false, nil
	}
	return r.present(&r.log[seq-1], ""), true, nil
}

// Place implements ledger.Rows.
func (r rows) Place(user chat.UserID) (ledger.Place, error) { return r.places[user], nil }

// Message implements ledger.Rows.
func (r rows) Message(seq chat.Seq) (m ledger.Message, found bool, _ error) {
	is := r.messages[seq]
	if is == nil {
		return m, false, nil
	}
	return ledger.Message{Author: r.log[seq-1].Author.ID, Deleted: is.deletedBy}, true, nil
}

// Tallies implements ledger.Rows.
func (r rows) Tallies(message chat.Seq, user chat.UserID) ([]ledger.Tally, error) {
	all := r.messages[message].reactions
	tallies := make([]ledger.Tally, len(all))
	for i, of := range all {
		mine := of.by[user]
		tallies[i] = ledger.Tally{Emoji: of.emoji, First: of.first, Total: of.count, Mine: mine.on, Set: mine.set}
	}
	return tallies, nil
}

// Moderated implements ledger.Rows.
func (r rows) Moderated(but chat.UserID) (bool, error) {
	for user, place := range r.places {
		if place.Role == chat.Moderate && user != but {
			return true, nil
		}
	}
	return false, nil
}
