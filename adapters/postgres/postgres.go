package postgres

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/finding"
	"github.com/parley-chat/parley/ports"
)

// Store is a log and a directory in a PostgreSQL database. It may share the database with any
// number of other stores, in this process and in others.
type Store struct {
	pool        *pgxpool.Pool // for all calls except appends
	appends     *pgxpool.Pool // for appends; the same as pool if there is only one connection
	unbounded   bool          // connections have no lock_timeout, so each append sets it
	distributed bool          // each statement is about one room: see inRoom
	timeout     time.Duration
	laneKey     [16]byte
	filters     finding.Filters // of the search index
	shard       Shard
	stamp       string // shard's

	unseen    atomic.Bool // it was away when the store was opened, and the schema may be too old
	noMigrate bool        // for that
	seeing    sync.Mutex

	split    atomic.Bool // the database has rows of other databases' rooms; see own
	outdated outdated
}

var (
	_ ports.Log       = (*Store)(nil)
	_ ports.Slots     = (*Store)(nil)
	_ ports.Directory = (*Store)(nil)
	_ ports.Checker   = (*Store)(nil)
	_ ports.Pooled    = (*Store)(nil)
	_ ports.Mapped    = (*Store)(nil)
)

// Open connects to the database and applies the migrations that are due. If the database cannot be
// reached, Open waits for it until ctx ends (see Config.OnWait). If several stores open an empty
// database at once, one migrates while the others wait.
//
// It fails at once with Invalid for a URL that cannot be read, with Conflict for a schema that is
// too old under NoMigrate and for a database that is one of a cluster, and with Internal if waiting
// does not help: a password that is refused, a right that is missing. It fails with Unavailable if
// the database could not be reached until ctx ended.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	s, _, err := openAs(ctx, cfg, Shard{}, standing{})
	return s, err
}

func newStore(cfg Config) *Store {
	return &Store{timeout: cfg.timeout(), distributed: cfg.distributed(), outdated: outdated{done: make(chan struct{})}}
}

// openAs opens a database that is, or becomes, the one of a cluster that as says, and returns what
// it says of itself. first is what the first one says, where there is one before.
func openAs(ctx context.Context, cfg Config, as Shard, first standing) (_ *Store, is standing, err error) {
	poolConfig, err := cfg.reach(ctx)
	if err != nil {
		return nil, is, err
	}
	s := newStore(cfg)
	if err := cfg.wait(ctx, func() (err error) {
		is, err = join(ctx, poolConfig.ConnConfig, as, first)
		return err
	}); err != nil {
		return nil, is, err
	}
	s.shard, s.stamp = is.Shard, is.stamp()
	s.split.Store(is.splitAt != nil)
	if err := s.connect(ctx, cfg, poolConfig); err != nil {
		return nil, is, failure(ctx, err, "open the store")
	}
	if err := cfg.wait(ctx, func() error { return s.learnLanes(ctx) }); err != nil {
		s.Close()
		return nil, is, err
	}
	return s, is, nil
}

// reach waits for the database, applies the migrations that are due, and returns how to connect.
func (c Config) reach(ctx context.Context) (*pgxpool.Config, error) {
	poolConfig, err := c.parse()
	if err != nil {
		return nil, err
	}
	var seen sight
	if err := c.wait(ctx, func() (err error) { seen, err = c.look(ctx, poolConfig.ConnConfig); return err }); err != nil {
		return nil, err
	}
	if seen.ascii {
		c.warn(errASCII)
	}
	if seen.pooled {
		c.warn(errPooled)
		if poolConfig, err = c.parseFor(true); err != nil {
			return nil, err
		}
		if err := c.wait(ctx, func() error { _, err := c.look(ctx, poolConfig.ConnConfig); return err }); err != nil {
			return nil, err
		}
	}
	if err := c.wait(ctx, func() error { return prepare(ctx, poolConfig.ConnConfig, c.NoMigrate || seen.pooled) }); err != nil {
		return nil, tooOld(err, !c.setsSession(poolConfig.ConnConfig))
	}
	return poolConfig, nil
}

// connect makes the pools. Some of the connections are for appends alone, so that neither many
// reads nor a wait for a locked table hold up appends.
func (s *Store) connect(ctx context.Context, cfg Config, all *pgxpool.Config) (err error) {
	own := cfg.appends(int(all.MaxConns))
	s.unbounded = own == 0 || !cfg.setsSession(all.ConnConfig)
	all.AfterConnect = s.isHere
	if own > 0 {
		appends := all.Copy()
		appends.MaxConns = int32(own)
		appends.MinConns, appends.MinIdleConns = min(appends.MinConns, int32(own)), min(appends.MinIdleConns, int32(own))
		if !s.unbounded {
			setAppends(appends.ConnConfig.RuntimeParams)
		}
		if s.appends, err = pgxpool.NewWithConfig(ctx, appends); err != nil {
			return err
		}
		all.MaxConns -= int32(own)
		all.MinConns, all.MinIdleConns = min(all.MinConns, all.MaxConns), min(all.MinIdleConns, all.MaxConns)
	}
	if s.pool, err = pgxpool.NewWithConfig(ctx, all); err != nil {
		s.Close()
		return err
	}
	if s.appends == nil {
		s.appends = s.pool
	}
	return nil
}

// pools returns the pools, each once.
func (s *Store) pools() (pools []*pgxpool.Pool) {
	if s.pool != nil {
		pools = append(pools, s.pool)
	}
	if s.appends != nil && s.appends != s.pool {
		pools = append(pools, s.appends)
	}
	return pools
}

// Close waits for the calls under way and closes all connections. Entries that were acknowledged
// are safe even without it.
func (s *Store) Close() {
	for _, pool := range s.pools() {
		pool.Close()
	}
}

// Pool implements ports.Pooled, for all connections together.
func (s *Store) Pool() (sum ports.Pool) {
	for _, pool := range s.pools() {
		now := pool.Stat()
		sum.Idle += int(now.IdleConns())
		sum.Acquired += int(now.AcquiredConns())
		sum.Constructing += int(now.ConstructingConns())
		sum.Most += int(now.MaxConns())
		sum.Waits += now.EmptyAcquireCount()
		sum.Waited += now.EmptyAcquireWaitTime()
	}
	return sum
}

// checkQuery reads from a table, and whether the server takes writes: a standby answers reads too.
const checkQuery = `SELECT current_setting('transaction_read_only')::boolean, EXISTS (SELECT FROM room), ` + shardStamp + `, ` + shardSplit

// checkHereQuery reads from a table that an engine does not distribute: if some rooms are away, the
// store is not.
var checkHereQuery = strings.NewReplacer("SELECT FROM room", "SELECT 1 FROM log").Replace(checkQuery)

// Check asks the database, over the pool, for a row, whether it takes writes, and whether it is the
// one that was opened.
func (s *Store) Check(ctx context.Context) error {
	var readOnly, rooms, split bool
	var stamp string
	query := checkQuery
	if s.distributed {
		query = checkHereQuery
	}
	err := s.read(ctx, "check the store", func(ctx context.Context) error {
		return s.pool.QueryRow(ctx, query).Scan(&readOnly, &rooms, &stamp, &split)
	})
	switch {
	case err != nil:
		return &chat.Error{Kind: chat.Unavailable, Reason: "the store does not work", Cause: err}
	case readOnly:
		return chat.Errorf(chat.Unavailable, "the store takes no writes now")
	case stamp != s.stamp:
		return s.strange(stamp)
	}
	s.split.Store(split)
	return nil
}

// read runs do, which can be repeated without harm. It runs it again for each connection that turns
// out to be dead: after a restart of the server, all connections in the pool are.
func (s *Store) read(ctx context.Context, what string, do func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	err := do(ctx)
	for range s.pool.Stat().MaxConns() {
		if ctx.Err() != nil || !isLost(err) {
			break
		}
		err = do(ctx)
	}
	return failure(ctx, err, what)
}

// queryAll returns the result of scan for each row of a query.
func queryAll[T any](ctx context.Context, pool *pgxpool.Pool, sql string, args []any, scan pgx.RowToFunc[T]) ([]T, error) {
	rows, err := pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scan)
}
