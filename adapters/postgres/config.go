package postgres

import (
	"context"
	"errors"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/parley-chat/parley/core/chat"
)

// Config says where a database is and how to use it.
type Config struct {
	// URL is the database's, postgres://user:password@host:5432/name?…, with the parameters of
	// libpq and the pool_… ones of pgxpool. Several hosts with target_session_attrs=read-write find
	// the primary after a failover.
	//
	// A pooler that hands out connections by transaction (PgBouncer) needs
	// default_query_exec_mode=exec, as prepared statements stay behind on a connection that
	// somebody else gets next. Session settings would too, so the store then sets none: give the
	// pooler's role statement_timeout and idle_in_transaction_session_timeout. A pooler by session
	// that refuses the store's settings needs the same. Migrations hold a lock of the session; run
	// them over a URL of the server itself, and open with NoMigrate. Where the URL has no mode, and
	// what answers does not take the store's settings, Open does all that by itself, and tells
	// OnWarn.
	//
	// Text is UTF-8: a session says so, whatever the role or the database says, and a database of
	// another encoding is refused. One of SQL_ASCII, which keeps bytes as they come, is taken, and
	// OnWarn told.
	URL string

	// MaxConns is the most connections open at once. 0: pool_max_conns of the URL, or 4 for each
	// CPU, at least 8. The sum over all nodes must stay below the server's max_connections.
	MaxConns int

	// Appends is how many of the connections only appends use, and no others are used by them:
	// whoever reads much does not hold up who writes. 0: half of them, at most 6. Where there is
	// one connection only, all share it.
	Appends int

	// Timeout is the longest that a call takes, whatever its context says; the server gives up on
	// its side then too. 0: 10 s.
	Timeout time.Duration

	// NoMigrate leaves the schema as it is. A schema that is too old is then an error of Open.
	NoMigrate bool

	// Tracer follows what is asked of the database; nil: nothing does.
	Tracer pgx.QueryTracer

	// OnWarn is told, once, of what works and should be otherwise. It may be nil.
	OnWarn func(error)

	// OnWait is told why the database cannot be reached, each time that Open tries in vain and will
	// try again. It may be nil.
	OnWait func(error)
}

func (c Config) timeout() time.Duration {
	if c.Timeout > 0 {
		return c.Timeout
	}
	return 10 * time.Second
}

func (c Config) warn(err error) {
	if c.OnWarn != nil {
		c.OnWarn(err)
	}
}

// parse makes the pool's configuration. Its errors do not show the URL's password.
func (c Config) parse() (*pgxpool.Config, error) { return c.parseFor(false) }

// parseFor is parse; pooled says that a pooler is in between, whatever the URL says.
func (c Config) parseFor(pooled bool) (*pgxpool.Config, error) {
	pool, err := pgxpool.ParseConfig(c.URL)
	if err != nil {
		return nil, &chat.Error{Kind: chat.Invalid, Reason: "the store's URL must be like postgres://user@host:5432/name", Cause: err}
	}
	if pooled {
		pool.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	}
	switch {
	case c.MaxConns > 0:
		pool.MaxConns = int32(min(c.MaxConns, 10_000))
	case !strings.Contains(c.URL, "pool_max_conns"):
		pool.MaxConns = int32(max(8, 4*runtime.GOMAXPROCS(0)))
	}
	if pool.PingTimeout == 0 {
		pool.PingTimeout = 2 * time.Second
	}
	conn := pool.ConnConfig
	conn.Tracer = c.Tracer
	conn.RuntimeParams["client_encoding"] = encoding
	conn.AfterConnect = checkEncoding
	if !strings.Contains(c.URL, "connect_timeout") {
		conn.ConnectTimeout = min(5*time.Second, c.timeout())
	}
	if c.setsSession(conn) {
		c.setSession(conn.RuntimeParams)
	}
	return pool, nil
}

// mostAppends is how many connections only appends use, where nobody says it: one for each lane of
// a journal, and two for rooms that are held.
const mostAppends = 6

// appends returns how many of so many connections only appends use.
func (c Config) appends(conns int) int {
	if c.Appends > 0 {
		return min(c.Appends, conns-1)
	}
	return min(conns/2, mostAppends)
}

// setsSession reports whether the store may set what holds for a whole session: it may not where a
// pooler hands out connections by transaction.
func (c Config) setsSession(conn *pgx.ConnConfig) bool {
	return conn.DefaultQueryExecMode == pgx.QueryExecModeCacheStatement
}

// setAppends sets what is for appends only, where the URL does not set it itself: how long they
// wait for a lock, and that they are planned once. The server would plan a message anew each time
// that comes alone, which costs it more than to append it: it compares with a plan for as many
// messages as it guesses, and there is no other plan than to go by the keys.
func setAppends(params map[string]string) {
	setDefaults(params, map[string]string{
		"lock_timeout":    strconv.FormatInt(heldAfter.Milliseconds(), 10),
		"plan_cache_mode": "force_generic_plan",
	})
}

// setSession sets what the URL does not set itself.
//
// Every query of the store goes by a key. The planner does not know that while a table is new and
// has no statistics, and what it then plans for a prepared statement can live for minutes, in which
// the table grows: so the plans that read whole tables are taken off the list. Just-in-time
// compilation would then take the high cost of such a plan for a reason to compile.
func (c Config) setSession(params map[string]string) {
	limit := strconv.FormatInt(c.timeout().Milliseconds(), 10)
	setDefaults(params, map[string]string{
		"application_name":                    "parley",
		"default_transaction_isolation":       "read committed", // Append counts on seeing, once it has a lock, what the holder before it did
		"statement_timeout":                   limit,
		"idle_in_transaction_session_timeout": limit, // a node that froze with rooms locked must not hold up the others
		"enable_seqscan":                      "off",
		"enable_hashjoin":                     "off",
		"enable_mergejoin":                    "off",
		"jit":                                 "off",
	})
}

func setDefaults(params, defaults map[string]string) {
	for name, value := range defaults {
		if _, given := params[name]; !given {
			params[name] = value
		}
	}
}

// The pauses between two tries to reach a database that is not there.
const (
	firstPause = 50 * time.Millisecond
	mostPause  = 2 * time.Second
)

// wait tries until it succeeds, fails for good, or ctx ends.
func (c Config) wait(ctx context.Context, try func() error) error {
	for pause := firstPause; ; pause = min(2*pause, mostPause) {
		err := failure(ctx, try(), "open the store")
		if err == nil || !errors.Is(err, chat.Unavailable) || ctx.Err() != nil {
			return err
		}
		if isUnsupported(err) { // and what the store itself sets was left out
			return chat.Errorf(chat.Internal, "a pooler in between refuses a parameter of the store's URL, which must lead to the server itself or go without: %v", err)
		}
		if isRefusal(err) {
			return &chat.Error{Kind: chat.Internal, Reason: "the database refuses the store's user", Cause: err}
		}
		if c.OnWait != nil {
			c.OnWait(err)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return err
		}
	}
}
