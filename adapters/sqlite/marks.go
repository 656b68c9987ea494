package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// Mark implements ports.Directory. Marks that do not move cost no write.
func (s *Store) Mark(ctx context.Context, marks []ports.ReadMark) ([]ports.MarkOutcome, error) {
	outcomes := make([]ports.MarkOutcome, len(marks))
	err := s.writeBeside(ctx, "move read marks", func(tx *transaction) error {
		for _, m := range marks {
			if err := tx.exec(s.w.mark, m.Room, m.User, m.Seq); err != nil {
				return err
			}
		}
		for i, m := range marks {
			var err error
			if outcomes[i], err = marked(tx.row(s.w.marked, m.User, m.Room).Scan, m.Seq); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return outcomes, nil
}

// marked returns the outcome of a mark at seq. Its error is an error of the store.
func marked(scan scanner, seq chat.Seq) (o ports.MarkOutcome, err error) {
	var head chat.Seq
	err = scan(&head, &o.Read, &o.Unread)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return ports.MarkOutcome{Err: noRoom()}, nil
	case err == nil && seq > head:
		return ports.MarkOutcome{Err: chat.Errorf(chat.Invalid, "seq must not be beyond the room's head, %d", head)}, nil
	}
	return o, err
}

// marksQuery tells whether the room ?1 has more than ?2 members and banned users. If not, it
// returns its marks, at most ?2 and one more. It returns at least one row, unless there is no such
// room.
const marksQuery = `
	SELECT n.large, coalesce(k.user, ''), coalesce(k.seq, 0) FROM (
		SELECT r.number, (SELECT count(*) FROM (
			SELECT 1 FROM member m INDEXED BY member_in WHERE m.room = r.number AND (m.role > 0 OR m.banned) LIMIT ?2 + 1
		)) > ?2 AS large
		FROM room r WHERE r.id = ?1
	) n LEFT JOIN mark k ON k.room = n.number AND NOT n.large AND NOT EXISTS (
		SELECT 1 FROM member b WHERE b.room = k.room AND b.user = k.user AND b.banned
	)
	ORDER BY k.user LIMIT ?2 + 1`

// Marks implements ports.Directory.
func (s *Store) Marks(ctx context.Context, room chat.RoomID, limit int) (marks []ports.ReadMark, all bool, err error) {
	large := false
	err = eachRow(ctx, s.r.marks, func(scan scanner) error {
		m := ports.ReadMark{Room: room}
		err := scan(&large, &m.User, &m.Seq)
		if m.User != "" {
			marks = append(marks, m)
		}
		return err
	}, room, limit)
	if err != nil || large || len(marks) > limit {
		return nil, false, within(ctx, err, "read marks")
	}
	return marks, true, nil
}
