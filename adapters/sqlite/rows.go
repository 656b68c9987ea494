package sqlite

import (
	"database/sql"
	"errors"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/ledger"
)

var _ ledger.Rows = rows{}

// rows is a room as the judge sees it. Rows that are not loaded for the batch are looked up.
type rows struct {
	b *batch
	*roomRow
}

// Room implements ledger.Rows.
func (r rows) Room() *ledger.Room { return &r.roomRow.Room }

// Used implements ledger.Rows.
func (r rows) Used(author chat.UserID, key chat.Key) (earlier chat.Entry, used bool, _ error) {
	row := entryRow{Entry: chat.Entry{Room: r.ID, Author: chat.Author{ID: author}, Key: key}}
	found, err := found(r.b.row(r.b.w.key, r.number, author, key).
		Scan(&row.Seq, &row.at, &row.kind, &row.Columns.Target, &row.Emoji, &row.User, &row.data))
	row.settle()
	return row.Entry, found, err
}

// Place implements ledger.Rows.
func (r rows) Place(user chat.UserID) (ledger.Place, error) {
	return r.b.kept.places[memberKey{r.number, user}].Place, nil
}

// Message implements ledger.Rows.
func (r rows) Message(seq chat.Seq) (m ledger.Message, _ bool, _ error) {
	found, err := found(r.b.row(r.b.w.target, r.number, seq).Scan(&m.Author, &m.Deleted))
	return m, found, err
}

// Tallies implements ledger.Rows.
func (r rows) Tallies(message chat.Seq, user chat.UserID) (tallies []ledger.Tally, _ error) {
	err := r.b.each(r.b.w.tallies, func(scan scanner) error {
		var t ledger.Tally
		err := scan(&t.Emoji, &t.First, &t.Total, &t.Mine, &t.Set)
		tallies = append(tallies, t)
		return err
	}, user, r.number, message)
	return tallies, err
}

// Moderated implements ledger.Rows.
func (r rows) Moderated(but chat.UserID) (others bool, _ error) {
	err := r.b.row(r.b.w.moderated, r.number, but).Scan(&others)
	return others, err
}

// found reports, from the error of a scan, whether there was a row.
func found(err error) (bool, error) {
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}
