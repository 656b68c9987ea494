package sqlite

import (
	"context"
	"fmt"

	driver "modernc.org/sqlite"
)

// OnCommit calls do at each commit of the writing connection.
func (s *Store) OnCommit(ctx context.Context, do func()) error {
	conn, err := s.writer.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.Raw(func(c any) error {
		hooks, ok := c.(driver.HookRegisterer)
		if !ok {
			return fmt.Errorf("%T has no hooks", c)
		}
		hooks.RegisterCommitHook(func() int32 { do(); return 0 })
		return nil
	})
}

// Durability returns the writing connection's journal mode and its setting of synchronous.
func (s *Store) Durability(ctx context.Context) (journal string, synchronous int, err error) {
	if err := s.writer.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&journal); err != nil {
		return "", 0, err
	}
	err = s.writer.QueryRowContext(ctx, "PRAGMA synchronous").Scan(&synchronous)
	return journal, synchronous, err
}
