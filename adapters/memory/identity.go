package memory

import (
	"context"

	"github.com/parley-chat/parley/core/chat"
)

// LogID implements ports.LogIdentity.
func (s *Store) LogID(ctx context.Context) (chat.LogID, error) {
	if err := ended(ctx, "read the log's identity"); err != nil {
		return "", err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.log, nil
}

// RenewLog implements ports.LogIdentity.
func (s *Store) RenewLog(ctx context.Context) (chat.LogID, error) {
	if err := ended(ctx, "renew the log's identity"); err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = chat.NewLogID()
	return s.log, nil
}
