package sqlite

import (
	"database/sql"
	"errors"
	"strconv"
	"strings"

	"github.com/parley-chat/parley/core/chat"
)

// The index entry_turn has messages by a number: the seq of a message that begins a turn, and the
// negative seq of one that does not. It has no deleted messages, except one that begins a turn,
// until unturn has run. These conditions must match the index's definition.
func isSaid(alias string) string {
	return strings.ReplaceAll(`%.kind = 'message' AND (%.turn OR %.deleted_at IS NULL)`, "%", alias)
}

func itsTurn(alias string) string {
	return strings.ReplaceAll(`(CASE WHEN %.turn THEN %.seq ELSE -%.seq END)`, "%", alias)
}

// end is greater than all seqs.
const end = "9007199254740993"

// unread counts, up to chat.MaxUnread, the messages of others than ?1 in the room r that come after
// the mark k and are not deleted. It counts first the messages that begin a turn, then the rest of
// the turn that the mark is in, then the rests of the turns after it.
//
// The next turn is always another author's, so it looks at no more than two turns for each message
// that it counts. It looks at none if the user has never made an entry and no message after the
// mark is deleted. Then the result is the number of the room's messages, less the number of those
// up to the mark.
var unread = strings.NewReplacer(
	"{said t}", isSaid("t"), "{turn t}", itsTurn("t"), "{said n}", isSaid("n"), "{turn n}", itsTurn("n"),
	"{said e}", isSaid("e"), "{turn e}", itsTurn("e"), "{mark}", "coalesce(k.seq, 0)", "{end}", end, "{max}", strconv.Itoa(chat.MaxUnread),
).Replace(`
	CASE WHEN NOT EXISTS (SELECT 1 FROM spoke u WHERE u.room = r.number AND u.user = ?1) AND NOT EXISTS (
		SELECT 1 FROM entry g INDEXED BY entry_gone
		WHERE g.room = r.number AND g.kind = 'message' AND g.deleted_at IS NOT NULL AND g.seq > {mark}
	) AND NOT EXISTS (
		SELECT 1 FROM entry q INDEXED BY entry_silent WHERE q.room = r.number AND q.kind = 'silent' AND q.seq > {mark}
	) THEN min({max}, coalesce(r.messages - (
		SELECT CASE n.kind WHEN 'message' THEN n.messages - 1 ELSE n.messages END FROM entry n
		WHERE n.room = r.number AND n.seq > {mark} ORDER BY n.seq LIMIT 1
	), 0)) ELSE (SELECT count(*) FROM (
		SELECT 1 FROM entry t INDEXED BY entry_turn
		WHERE t.room = r.number AND {said t} AND {turn t} > {mark} AND t.author <> ?1 AND t.deleted_at IS NULL
		UNION ALL
		SELECT 1 FROM (
			SELECT n.author FROM entry n INDEXED BY entry_turn WHERE n.room = r.number AND {said n} AND {turn n} < -{mark}
			ORDER BY {turn n} DESC LIMIT 1
		) o CROSS JOIN entry e INDEXED BY entry_turn
		WHERE o.author <> ?1 AND e.room = r.number AND {said e} AND {turn e} < -{mark} AND {turn e} > -coalesce((
			SELECT n.seq FROM entry n INDEXED BY entry_turn WHERE n.room = r.number AND {said n} AND {turn n} > {mark}
			ORDER BY {turn n} LIMIT 1
		), {end})
		UNION ALL
		SELECT 1 FROM entry t INDEXED BY entry_turn CROSS JOIN entry e INDEXED BY entry_turn
			ON e.room = t.room AND {said e} AND {turn e} < -t.seq AND {turn e} > -coalesce((
				SELECT n.seq FROM entry n INDEXED BY entry_turn WHERE n.room = t.room AND {said n} AND {turn n} > +t.seq
				ORDER BY {turn n} LIMIT 1
			), {end})
		WHERE t.room = r.number AND {said t} AND {turn t} > {mark} AND t.author <> ?1
		LIMIT {max}
	)) END`)

// markedQuery reads how far the user ?1 has read the room ?2.
var markedQuery = `
	SELECT r.head, coalesce(k.seq, 0), ` + unread + `
	FROM room r LEFT JOIN mark k ON k.room = r.number AND k.user = ?1 WHERE r.id = ?2`

// aroundQuery returns a row if the message ?2 of the room ?1 begins a turn. The row has the authors
// of this turn and of those before and after it, the seq where the turn after it begins, and the
// next message of this turn.
var aroundQuery = strings.NewReplacer(
	"{said n}", isSaid("n"), "{turn n}", itsTurn("n"), "{said x}", isSaid("x"), "{turn x}", itsTurn("x"), "{end}", end,
).Replace(`
	SELECT g.author, coalesce(b.author, ''), coalesce(a.author, ''), coalesce(a.seq, 0), coalesce((
			SELECT n.seq FROM entry n INDEXED BY entry_turn
			WHERE n.room = ?1 AND {said n} AND {turn n} < -g.seq AND {turn n} > -coalesce(a.seq, {end}) ORDER BY {turn n} DESC LIMIT 1), 0)
	FROM entry g
	LEFT JOIN entry b ON b.room = ?1 AND b.seq = (
		SELECT x.seq FROM entry x INDEXED BY entry_turn
		WHERE x.room = ?1 AND {said x} AND {turn x} > 0 AND {turn x} < ?2 ORDER BY {turn x} DESC LIMIT 1)
	LEFT JOIN entry a ON a.room = ?1 AND a.seq = (
		SELECT x.seq FROM entry x INDEXED BY entry_turn WHERE x.room = ?1 AND {said x} AND {turn x} > ?2 ORDER BY {turn x} LIMIT 1)
	WHERE g.room = ?1 AND g.seq = ?2 AND g.kind = 'message' AND g.turn`)

var speakerQuery = `
	SELECT t.author FROM entry t INDEXED BY entry_turn WHERE t.room = ? AND ` + isSaid("t") + ` AND ` + itsTurn("t") + ` > 0
	ORDER BY ` + itsTurn("t") + ` DESC LIMIT 1`

// turns reports whether the next message of a room, by author, begins a turn, and updates the
// room's last speaker. If the room's row does not name the speaker, it is looked up.
func (b *batch) turns(r *roomRow, author chat.UserID) (bool, error) {
	if r.speaker == "" {
		err := b.row(b.w.speaker, r.number).Scan(&r.speaker)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return false, err
		}
	}
	begins := r.speaker != author
	r.speaker = author
	return begins, nil
}

// unturn corrects the turns after a message that began one was deleted. The next message of the
// turn begins it instead. If there is none, and the turns before and after it have the same author,
// these become one turn.
func (b *batch) unturn(r *roomRow, seq chat.Seq) error {
	var author, before, behind chat.UserID
	var after, next chat.Seq
	err := b.row(b.w.around, r.number, seq).Scan(&author, &before, &behind, &after, &next)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	r.speaker = "" // the deleted message may have been the last one
	if err := b.exec(b.w.turn, false, r.number, seq); err != nil {
		return err
	}
	switch {
	case next != 0:
		return b.exec(b.w.turn, before != author, r.number, next)
	case after != 0 && behind == before:
		return b.exec(b.w.turn, false, r.number, after)
	}
	return nil
}
