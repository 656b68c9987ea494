package memory

import (
	"context"
	"slices"
	"time"

	"github.com/parley-chat/parley/core/chat"
)

// Revoke implements ports.Revocations.
func (s *Store) Revoke(ctx context.Context, user chat.UserID, until time.Time) (chat.Revocation, error) {
	if err := ended(ctx, "revoke tokens"); err != nil {
		return chat.Revocation{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r := chat.Revocation{User: user, Until: until.UTC().Truncate(time.Microsecond)}
	if i := s.revocation(user); i >= 0 {
		if !s.revoked[i].Until.Before(r.Until) {
			return s.revoked[i], nil
		}
		s.revoked[i].User = "" // it stays as an empty place, so that no place moves
	}
	s.revoked = append(s.revoked, r)
	return r, nil
}

func (s *Store) revocation(user chat.UserID) int {
	return slices.IndexFunc(s.revoked, func(r chat.Revocation) bool { return r.User == user })
}

// Revoked implements ports.Revocations.
func (s *Store) Revoked(ctx context.Context, behind int64, limit int) (list []chat.Revocation, place int64, err error) {
	if err := ended(ctx, "read revocations"); err != nil {
		return nil, behind, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	for place = behind; place < int64(len(s.revoked)) && len(list) < limit; place++ {
		if r := s.revoked[place]; r.User != "" {
			list = append(list, r)
		}
	}
	return list, place, nil
}
