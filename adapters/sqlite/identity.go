package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

var _ ports.LogIdentity = (*Store)(nil)

// LogID implements ports.LogIdentity.
func (s *Store) LogID(ctx context.Context) (id chat.LogID, err error) {
	err = s.r.logID.QueryRowContext(ctx).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return "", chat.Errorf(chat.Internal, "the log has no identity: parley log renew gives it one")
	}
	return id, within(ctx, err, "read the log's identity")
}

// RenewLog implements ports.LogIdentity.
func (s *Store) RenewLog(ctx context.Context) (chat.LogID, error) {
	id := chat.NewLogID()
	err := s.write(ctx, "renew the log's identity", func(tx *transaction) error {
		return tx.exec(s.w.renew, id, time.Now().UnixMicro())
	})
	if err != nil {
		return "", err
	}
	return id, nil
}
