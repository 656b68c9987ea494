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
	// URL is the database's: postgres://user:password@host:5432/name?…, with the parameters of
	// libpq and the pool_… ones of pgxpool. Several hosts with target_session_attrs=read-write find
	// the primary after a failover.
	//
	// A pooler in transaction mode (PgBouncer) needs default_query_exec_mode=exec, because prepared
	// statements stay on a connection that another client gets next. Session settings would stay
	// too, so the store then sets none: give the pooler's role statement_timeout and
	// idle_in_transaction_session_timeout. A pooler in session mode that refuses the store's
	// settings needs the same. Migrations hold a session lock; run them over a URL of the server
	// itself, and open with NoMigrate. If the URL has no mode, and the server or pooler does not
	// take the store's settings, Open does all that by itself, and tells OnWarn.
	//
	// engine=distributed is for a database that distributes its tables by room_id, as Citus does:
	// each statement and each transaction is then about one room, and calls about many rooms take
	// many. It does not go with OpenShards.
	//
	// Text is UTF-8: each session sets it, whatever the role's or the database's default is. A
	// database of another encoding is refused. SQL_ASCII, which keeps bytes as they come, is
	// accepted, and OnWarn is told.
	URL string

	// MaxConns is the maximum of connections open at once. 0: pool_max_conns of the URL, or 4 for
	// each CPU, at least 8. The sum over all nodes must stay below the server's max_connections.
	MaxConns int

	// Appends is how many of the connections are for appends alone, which use no others: so reads
	// do not hold up appends. 0: half of them, at most 6, unless the database distributes its
	// tables. If there is only one connection, all calls share it.
	Appends int

	// Timeout bounds each call, whatever its context says; the server gives up on its side then
	// too. 0: 10 s.
	Timeout time.Duration

	// NoMigrate leaves the schema as it is. A schema that is too old is then an error of Open.
	NoMigrate bool

	// Tracer traces the queries; nil: nothing does.
	Tracer pgx.QueryTracer

	// OnWarn is told, once, about settings that work but should be changed. It may be nil.
	OnWarn func(error)

	// OnWait is told why the database cannot be reached, each time that an attempt of Open fails
	// and another will follow. It may be nil.
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

// parse makes the pool's configuration. The password of the URL is not in its errors.
func (c Config) parse() (*pgxpool.Config, error) { return c.parseFor(false) }

// parseFor is like parse. pooled says that there is a pooler in between, whatever the URL says.
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
	switch engine, given := conn.RuntimeParams[engineParam]; {
	case given && engine != distributedEngine:
		return nil, chat.Errorf(chat.Invalid, "the store's URL has %s=%s, which must be %s, or not be there", engineParam, engine, distributedEngine)
	default:
		delete(conn.RuntimeParams, engineParam)
	}
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

// The parameter of the URL that says how to speak to the database, and its value.
const (
	engineParam       = "engine"
	distributedEngine = "distributed"
)

// distributed reports whether the URL says that the database distributes its tables.
func (c Config) distributed() bool {
	pool, err := pgxpool.ParseConfig(c.URL)
	return err == nil && pool.ConnConfig.RuntimeParams[engineParam] == distributedEngine
}

// maxAppends is the highest default of Config.Appends: one connection for each lane of a journal,
// and two for rooms that are held.
const maxAppends = 6

// appends returns how many of conns connections are for appends alone.
func (c Config) appends(conns int) int {
	if c.Appends > 0 {
		return min(c.Appends, conns-1)
	}
	if c.distributed() {
		return conns / 2 // each room of a batch takes one
	}
	return min(conns/2, maxAppends)
}

// setsSession reports whether the store may use session settings. It may not behind a pooler in
// transaction mode.
func (c Config) setsSession(conn *pgx.ConnConfig) bool {
	return conn.DefaultQueryExecMode == pgx.QueryExecModeCacheStatement
}

// setAppends adds the setting for appends, unless the URL has it: how long they wait for a lock.
func setAppends(params map[string]string) {
	setDefaults(params, map[string]string{"lock_timeout": strconv.FormatInt(heldAfter.Milliseconds(), 10)})
}

// setSession adds the settings of all sessions, unless the URL has them.
//
// Every query of the store uses a key. While a table is new and has no statistics, the planner does
// not know that. Its plan for a prepared statement may then be used for minutes while the table
// grows. So plans that read whole tables are disabled. Just-in-time compilation is off because the
// high cost of a disabled plan would start it.
//
// A connection plans each statement once. Otherwise the server would plan many of them at each
// call: it estimates the cost of its generic plan for numbers of rows that it guesses. To plan a
// small statement costs several times as much as to run it, and the plan is always the same: to use
// the keys.
//
// An engine that distributes its tables must know the room when it plans a statement: from that it
// knows where the statement goes. As the room is then a constant, a plan could read all of the room
// once, and look through that for each row of a batch. Such plans are disabled too.
func (c Config) setSession(params map[string]string) {
	limit := strconv.FormatInt(c.timeout().Milliseconds(), 10)
	setDefaults(params, map[string]string{
		"application_name": "parley",
		// Once Append has a lock, it must see what its previous holder committed.
		"default_transaction_isolation": "read committed",
		"statement_timeout":             limit,
		// A node that froze with locked rooms must not hold up the others.
		"idle_in_transaction_session_timeout": limit,
		"enable_seqscan":                      "off",
		"enable_hashjoin":                     "off",
		"enable_mergejoin":                    "off",
		"jit":                                 "off",
	})
	mode := "force_generic_plan"
	if c.distributed() {
		mode = "force_custom_plan"
		setDefaults(params, map[string]string{"enable_material": "off"})
	}
	setDefaults(params, map[string]string{"plan_cache_mode": mode})
}

func setDefaults(params, defaults map[string]string) {
	for name, value := range defaults {
		if _, given := params[name]; !given {
			params[name] = value
		}
	}
}

// The pauses between two attempts to reach the database.
const (
	firstPause = 50 * time.Millisecond
	maxPause   = 2 * time.Second

	growPause = 100 * time.Millisecond // while a cluster grows: clients wait too
)

// wait tries until it succeeds, fails for good, or ctx ends.
func (c Config) wait(ctx context.Context, try func() error) error {
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		err := failure(ctx, try(), "open the store")
		if err == nil || !errors.Is(err, chat.Unavailable) || ctx.Err() != nil {
			return err
		}
		if isUnsupported(err) { // although the store's own settings were left out
			return chat.Errorf(chat.Internal, "a pooler in between refuses a parameter of the store's URL, which must lead to the server itself or go without: %v", err)
		}
		if isRefusal(err) {
			return &chat.Error{Kind: chat.Internal, Reason: "the database refuses the store's user", Cause: err}
		}
		if c.OnWait != nil {
			c.OnWait(err)
		}
		if errors.Is(err, errGrowing) {
			pause = growPause
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return err
		}
	}
}
