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
	err := s.write(ctx, "move read marks", func(tx *transaction) error {
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
