package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

var _ ports.LogIdentity = (*Store)(nil)

const (
	logQuery = `SELECT log_id FROM log`

	renewStatement = `
INSERT INTO log (log_id) VALUES ($1)
ON CONFLICT (one) DO UPDATE SET log_id = excluded.log_id, made_at = now()`
)

// LogID implements ports.LogIdentity.
func (s *Store) LogID(ctx context.Context) (id chat.LogID, err error) {
	err = s.read(ctx, "read the log's identity", func(ctx context.Context) error {
		return s.pool.QueryRow(ctx, logQuery).Scan(&id)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return "", chat.Errorf(chat.Internal, "the log has no identity: parley log renew gives it one")
	}
	return id, err
}

// RenewLog implements ports.LogIdentity.
func (s *Store) RenewLog(ctx context.Context) (chat.LogID, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	id := chat.NewLogID()
	if _, err := s.pool.Exec(ctx, renewStatement, string(id)); err != nil {
		return "", failure(ctx, err, "renew the log's identity")
	}
	return id, nil
}
