package sqlite

import (
	"context"
	"fmt"
	"strings"
	"time"

	driver "modernc.org/sqlite"
)

// OpenOver opens a store that writes over another VFS.
func OpenOver(ctx context.Context, cfg Config, vfs string) (*Store, error) {
	cfg.vfs = func() (string, error) { return vfs, nil }
	return Open(ctx, cfg)
}

// LimitPages simulates a full disk once the store's file has that many pages; 0 removes the limit.
func (s *Store) LimitPages(ctx context.Context, pages int) error {
	if pages == 0 {
		pages = 1 << 30
	}
	_, err := s.writer.ExecContext(ctx, fmt.Sprintf("PRAGMA max_page_count = %d", pages))
	return err
}

// Plan returns how SQLite would read a span.
func (s *Store) Plan(ctx context.Context) (string, error) {
	return s.plan(ctx, entries+span+" DESC LIMIT ?", "room", 0, 10, false, 5)
}

// PlanOfMessages returns how SQLite would find where messages are.
func (s *Store) PlanOfMessages(ctx context.Context) (string, error) {
	return s.plan(ctx, messageParts, "room", 0, 10, 5, true)
}

// LooksAt returns how many entries the search for messages reads, and how many may be read then.
func (s *Store) LooksAt(ctx context.Context, room string, after, before, limit int, newest bool) (halved, read int, err error) {
	counting := messageParts[:strings.LastIndex(messageParts, "SELECT")] + `
		SELECT count(*), coalesce(sum(iif(hi - lo <= 32 OR hi - lo = him - lom, min(hi - lo, 32 + ?4), 0)), 0) FROM part`
	err = s.reader.QueryRowContext(ctx, counting, room, after, before, limit, newest).Scan(&halved, &read)
	return halved, read, err
}

func (s *Store) plan(ctx context.Context, statement string, args ...any) (plan string, err error) {
	query, err := s.reader.PrepareContext(ctx, "EXPLAIN QUERY PLAN "+statement)
	if err != nil {
		return "", err
	}
	defer query.Close()
	err = eachRow(ctx, query, func(scan scanner) error {
		var id, parent, unused int
		var detail string
		err := scan(&id, &parent, &unused, &detail)
		plan += detail + "\n"
		return err
	}, args...)
	return plan, err
}

// SetLastAt changes the time of a room's last entry, as if the system's clock had been set back.
func (s *Store) SetLastAt(ctx context.Context, room string, at time.Time) error {
	return s.write(ctx, "set the time of the last entry", func(tx *transaction) error {
		_, err := tx.tx.ExecContext(ctx, "UPDATE room SET last_at = ? WHERE id = ?", at.UnixMicro(), room)
		return err
	})
}

// Keep sets how many rooms, and users in them, are kept between batches.
func (s *Store) Keep(rooms, places int) { s.kept.maxRooms, s.kept.maxPlaces = rooms, places }

// Kept returns how many are kept now.
func (s *Store) Kept() (rooms, places int) { return len(s.kept.rooms), len(s.kept.places) }

// Apply records as applied a migration that only a later release has.
func (s *Store) Apply(ctx context.Context, version int) error {
	_, err := s.writer.ExecContext(ctx, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (?, 1)", version)
	return err
}

// Plant puts an entry of a kind that a later release adds at the end of a room's log.
func (s *Store) Plant(ctx context.Context, room, author, name, kind string, target int64, data []byte) error {
	return s.write(ctx, "plant", func(tx *transaction) error {
		_, err := tx.tx.ExecContext(ctx, `
			INSERT INTO entry (room, seq, at, author, author_name, key, messages, kind, target, data)
			SELECT number, head + 1, last_at, ?2, ?3, 'k' || head, messages, ?4, nullif(?5, 0), ?6 FROM room WHERE id = ?1`,
			room, author, name, kind, target, data)
		if err != nil {
			return err
		}
		_, err = tx.tx.ExecContext(ctx, `UPDATE room SET head = head + 1 WHERE id = ?`, room)
		return err
	})
}

// Synchronous returns how commits of the writer's connection wait for the disk: 2 is FULL.
func (s *Store) Synchronous(ctx context.Context) (level int, err error) {
	err = s.writer.QueryRowContext(ctx, "PRAGMA synchronous").Scan(&level)
	return level, err
}

// PagesWritten returns how many pages the writer's connection has written to the WAL so far.
func (s *Store) PagesWritten(ctx context.Context) (pages int, err error) {
	conn, err := s.writer.Conn(ctx)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	err = conn.Raw(func(of any) error {
		pages, _, err = of.(driver.DBStatus).Status(driver.DBStatusCacheWrite, false)
		return err
	})
	return pages, err
}
