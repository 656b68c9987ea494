package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// Create implements ports.Directory.
func (s *Store) Create(ctx context.Context, given chat.Room, owner chat.UserID) (chat.Room, error) {
	at := now()
	made := chat.Room{ID: given.ID, Name: given.Name, Public: given.Public, CreatedAt: stamp(at)}
	err := s.write(ctx, "create a room", func(tx *transaction) error {
		var number int64
		err := tx.row(s.w.insertRoom, made.ID, made.Name, made.Public, at, ports.ShareOf(made.ID)).Scan(&number)
		if errors.Is(err, sql.ErrNoRows) {
			return chat.Errorf(chat.Conflict, "there is a room of that id")
		}
		if err == nil && owner != "" {
			err = tx.exec(s.w.setMember, number, owner, chat.Moderate, false, at, 0, made.ID)
		}
		return err
	})
	if err != nil {
		return chat.Room{}, err
	}
	return made, nil
}
