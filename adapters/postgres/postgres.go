package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// Store is a log and a directory in a PostgreSQL database. It may share the database with any number of other stores, in this
// process and in others.
type Store struct {
	pool    *pgxpool.Pool
	timeout time.Duration
}

var (
	_ ports.Log       = (*Store)(nil)
	_ ports.Directory = (*Store)(nil)
	_ ports.Checker   = (*Store)(nil)
	_ ports.Pooled    = (*Store)(nil)
)

// Open connects to the database, waits for it where it is not there yet until ctx ends (see Config.OnWait), and applies the
// migrations that are due. Of several that open an empty database at once, one migrates while the others wait.
//
// It fails at once with Invalid for a URL that cannot be read, with Conflict for a schema that is too old under NoMigrate, and
// with Internal where waiting does not help: a password that is refused, a right that is missing. What could not be reached until
// ctx ended is Unavailable.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	poolConfig, err := cfg.parse()
	if err != nil {
		return nil, err
	}
	var seen sight
	if err := cfg.wait(ctx, func() (err error) { seen, err = look(ctx, poolConfig.ConnConfig); return err }); err != nil {
		return nil, err
	}
	if seen.ascii {
		cfg.warn(errASCII)
	}
	if seen.pooled {
		cfg.warn(errPooled)
		if poolConfig, err = cfg.parseFor(true); err != nil {
			return nil, err
		}
	}
	if err := cfg.wait(ctx, func() error { return prepare(ctx, poolConfig.ConnConfig, cfg.NoMigrate || seen.pooled) }); err != nil {
		return nil, err
	}
	pool, err := pgxpool.NewWithConfig(ctx, poolConfig)
	if err != nil {
		return nil, failure(ctx, err, "open the store")
	}
	return &Store{pool: pool, timeout: cfg.timeout()}, nil
}

// Close waits for the calls under way and closes all connections. What was acknowledged is safe without it.
func (s *Store) Close() { s.pool.Close() }

// Pool implements ports.Pooled.
func (s *Store) Pool() ports.Pool {
	now := s.pool.Stat()
	return ports.Pool{
		Idle: int(now.IdleConns()), Acquired: int(now.AcquiredConns()), Constructing: int(now.ConstructingConns()), Most: int(now.MaxConns()),
		Waits: now.EmptyAcquireCount(), Waited: now.EmptyAcquireWaitTime(),
	}
}

// checkQuery reads what every other call needs, and whether the server takes writes: a standby answers reads happily.
const checkQuery = `SELECT current_setting('transaction_read_only')::boolean, EXISTS (SELECT FROM room)`

// Check asks the database for a row, over the pool, and whether it takes writes.
func (s *Store) Check(ctx context.Context) error {
	var readOnly, rooms bool
	err := s.read(ctx, "check the store", func(ctx context.Context) error {
		return s.pool.QueryRow(ctx, checkQuery).Scan(&readOnly, &rooms)
	})
	switch {
	case err != nil:
		return &chat.Error{Kind: chat.Unavailable, Reason: "the store does not work", Cause: err}
	case readOnly:
		return chat.Errorf(chat.Unavailable, "the store takes no writes now")
	}
	return nil
}

// read runs do, which can be repeated without harm, and again for each connection that turns out to have died unnoticed, as all in the
// pool have after the server was started anew.
func (s *Store) read(ctx context.Context, what string, do func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	err := do(ctx)
	for range s.pool.Config().MaxConns {
		if ctx.Err() != nil || !isLost(err) {
			break
		}
		err = do(ctx)
	}
	return failure(ctx, err, what)
}

// queryAll returns what scan makes of each row of a query.
func queryAll[T any](ctx context.Context, pool *pgxpool.Pool, sql string, args []any, scan pgx.RowToFunc[T]) ([]T, error) {
	rows, err := pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scan)
}
