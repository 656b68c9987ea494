package sqlite

import (
	"context"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

var _ ports.Revocations = (*Store)(nil)

// Revoke implements ports.Revocations.
func (s *Store) Revoke(ctx context.Context, user chat.UserID, until time.Time) (chat.Revocation, error) {
	var last int64
	err := s.write(ctx, "revoke tokens", func(tx *transaction) error {
		return tx.row(s.w.revoke, user, until.UnixMicro()).Scan(&last)
	})
	if err != nil {
		return chat.Revocation{}, err
	}
	return chat.Revocation{User: user, Until: stamp(last)}, nil
}

// Revoked implements ports.Revocations.
func (s *Store) Revoked(ctx context.Context, behind int64, limit int) (list []chat.Revocation, place int64, err error) {
	place = behind
	err = eachRow(ctx, s.r.revoked, func(scan scanner) error {
		var r chat.Revocation
		var until int64
		if err := scan(&r.User, &until, &place); err != nil {
			return err
		}
		r.Until = stamp(until)
		list = append(list, r)
		return nil
	}, behind, limit)
	if err != nil {
		return nil, behind, within(ctx, err, "read revocations")
	}
	return list, place, nil
}
