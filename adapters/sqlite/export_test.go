package sqlite

import (
	"context"
	"fmt"
)

// LimitPages makes the disk full, as far as the store can tell, once its file has that many pages; 0 takes the limit back.
func (s *Store) LimitPages(ctx context.Context, pages int) error {
	if pages == 0 {
		pages = 1 << 30
	}
	_, err := s.writer.ExecContext(ctx, fmt.Sprintf("PRAGMA max_page_count = %d", pages))
	return err
}

// Plan returns how SQLite would read a span.
func (s *Store) Plan(ctx context.Context) (plan string, err error) {
	err = scanRows(func(scan scanner) error {
		var id, parent, unused int
		var detail string
		err := scan(&id, &parent, &unused, &detail)
		plan += detail + "\n"
		return err
	})(s.reader.QueryContext(ctx, "EXPLAIN QUERY PLAN "+entries+span+" DESC LIMIT ?", "room", 0, 10, false, 5))
	return plan, err
}
