package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

var _ ports.Revocations = (*Store)(nil)

const (
	// revokeLock is an advisory lock: the first eight bytes of "revocations".
	revokeLock = 0x7265766f63617469

	lockRevocations = `SELECT pg_advisory_xact_lock($1)`

	// A row that exists is not changed if it revokes for longer.
	revokeStatement = `
INSERT INTO revocation AS r (user_id, until_time, place)
VALUES ($1, $2, (SELECT coalesce(max(place), 0) + 1 FROM revocation))
ON CONFLICT (user_id) DO UPDATE SET
  place = CASE WHEN r.until_time < excluded.until_time THEN excluded.place ELSE r.place END,
  until_time = greatest(r.until_time, excluded.until_time)
RETURNING until_time`

	revokedQuery = `SELECT user_id, until_time, place FROM revocation WHERE place > $1 ORDER BY place LIMIT $2`
)

// Revoke implements ports.Revocations.
func (s *Store) Revoke(ctx context.Context, user chat.UserID, until time.Time) (chat.Revocation, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	r := chat.Revocation{User: user}
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, lockRevocations, int64(revokeLock)); err != nil {
			return err
		}
		return tx.QueryRow(ctx, revokeStatement, string(user), until).Scan(&r.Until)
	})
	if err != nil {
		return chat.Revocation{}, failure(ctx, err, "revoke tokens")
	}
	r.Until = r.Until.UTC()
	return r, nil
}

// Revoked implements ports.Revocations.
func (s *Store) Revoked(ctx context.Context, behind int64, limit int) (list []chat.Revocation, place int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	place = behind
	rows, err := s.pool.Query(ctx, revokedQuery, behind, limit)
	if err != nil {
		return nil, behind, failure(ctx, err, "read revocations")
	}
	var r chat.Revocation
	_, err = pgx.ForEachRow(rows, []any{&r.User, &r.Until, &place}, func() error {
		list = append(list, chat.Revocation{User: r.User, Until: r.Until.UTC()})
		return nil
	})
	if err != nil {
		return nil, behind, failure(ctx, err, "read revocations")
	}
	return list, place, nil
}
