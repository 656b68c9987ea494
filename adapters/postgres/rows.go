package postgres

import (
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/ledger"
)

var _ ledger.Rows = rows{}

// rows is a room as the judge sees it. All rows that the judge may ask for were loaded before, so
// it never fails.
type rows struct{ *room }

// Room implements ledger.Rows.
func (r rows) Room() *ledger.Room { return &r.room.Room }

// Used implements ledger.Rows.
func (r rows) Used(author chat.UserID, key chat.Key) (earlier chat.Entry, used bool, _ error) {
	earlier, used = r.l.used[usedKey{r.ID, author, key}]
	return earlier, used, nil
}

// Place implements ledger.Rows.
func (r rows) Place(user chat.UserID) (ledger.Place, error) {
	if m := r.l.members[memberKey{r.ID, user}]; m != nil {
		return m.Place, nil
	}
	return ledger.Place{}, nil
}

// Message implements ledger.Rows.
func (r rows) Message(seq chat.Seq) (m ledger.Message, found bool, _ error) {
	if is := r.l.messages[place{r.ID, seq}]; is != nil {
		return is.Message, true, nil
	}
	return m, false, nil
}

// Tallies implements ledger.Rows.
func (r rows) Tallies(message chat.Seq, user chat.UserID) ([]ledger.Tally, error) {
	at := place{r.ID, message}
	tallies := make([]ledger.Tally, len(r.l.reactions[at]))
	for i, of := range r.l.reactions[at] {
		tallies[i] = ledger.Tally{Emoji: of.emoji, First: of.first, Total: of.total}
		if mine := r.l.reactors[reactorKey{reactionKey{at, of.emoji}, user}]; mine != nil {
			tallies[i].Mine, tallies[i].Set = !mine.removed, mine.setBy
		}
	}
	return tallies, nil
}

// Moderated implements ledger.Rows. It looks at the members that the batch is about, and at the
// moderators that were loaded for this.
func (r rows) Moderated(but chat.UserID) (bool, error) {
	for k, m := range r.l.members {
		if k.room == r.ID && k.user != but && m.Role == chat.Moderate {
			return true, nil
		}
	}
	for _, k := range r.l.moderators {
		if _, changed := r.l.members[k]; !changed && k.room == r.ID && k.user != but {
			return true, nil
		}
	}
	return false, nil
}
