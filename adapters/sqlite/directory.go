package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/parley-chat/parley/core/chat"
)

// Create implements ports.Directory.
func (s *Store) Create(ctx context.Context, given chat.Room, owner chat.UserID) (chat.Room, error) {
	at := now()
	made := chat.Room{ID: given.ID, Name: given.Name, Public: given.Public, CreatedAt: stamp(at)}
	err := s.write(ctx, "create a room", func(ctx context.Context, tx *sql.Tx) error {
		var number int64
		err := tx.StmtContext(ctx, s.w.insertRoom).QueryRowContext(ctx, made.ID, made.Name, made.Public, at).Scan(&number)
		if errors.Is(err, sql.ErrNoRows) {
			return chat.Errorf(chat.Conflict, "there is a room of that id")
		}
		if err == nil && owner != "" {
			_, err = tx.StmtContext(ctx, s.w.setMember).ExecContext(ctx, number, owner, chat.Moderate, false, at, 0)
		}
		return err
	})
	if err != nil {
		return chat.Room{}, err
	}
	return made, nil
}

// Mark implements ports.Directory. A mark that is there already costs no write.
func (s *Store) Mark(ctx context.Context, room chat.RoomID, user chat.UserID, seq chat.Seq) (chat.Standing, error) {
	standing, err := s.Standing(ctx, room, user)
	if err != nil || seq <= standing.Read && seq > 0 {
		return standing, err
	}
	err = s.write(ctx, "move a read mark", func(ctx context.Context, tx *sql.Tx) error {
		if _, err := tx.StmtContext(ctx, s.w.mark).ExecContext(ctx, room, user, seq); err != nil {
			return err
		}
		standing, err = scanStanding(tx.StmtContext(ctx, s.w.standing).QueryRowContext(ctx, user, room).Scan, user)
		if err == nil && seq > standing.Room.Head {
			return chat.Errorf(chat.Invalid, "seq must not be beyond the room's head, %d", standing.Room.Head)
		}
		return err
	})
	if err != nil {
		return chat.Standing{}, err
	}
	return standing, nil
}
