package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/parley-chat/parley/core/chat"
)

// Growth makes a cluster of n databases one of 2n, or one that is alone one of two: it is the n
// databases, in their order, and then as many copies of them, in the same order. Database i keeps
// half of its rooms, and its copy, the new number i+n, gets the other half.
//
// A copy is a standby that follows, or one that was made otherwise. Each step is one transaction on
// one database, and what is done is read from the databases: so each method may be repeated after
// it was broken off at any moment.
//
//	  database i            its copy               who writes
//	  i of n, epoch e       the same, follows      nodes with n URLs
//	► i of 2n, epoch e+1    …comes to say so too   nobody rooms of i+n; nodes with 2n URLs those of i
//	  i of 2n, epoch e+1    ► i+n of 2n, e+1       nodes with 2n URLs
//
// The first step waits for all writes under way, and all later ones by the map before are refused.
// It is the last thing that the copy needs: once the copy says so too, it has all that was written.
type Growth struct {
	configs []Config
	tell    func(string)
}

// NewGrowth returns the growth to these databases: those that are there, and then the copies. tell
// is told what is done, for people.
func NewGrowth(configs []Config, tell func(string)) (*Growth, error) {
	if len(configs) < 2 || len(configs)%2 != 0 {
		return nil, chat.Errorf(chat.Invalid, "the store's URLs must be those of all databases, in their order, and then of as many copies of them, in the same order: "+
			"2, 4, 6, …; there are %d", len(configs))
	}
	if slices.ContainsFunc(configs, Config.distributed) {
		return nil, errOneEngine
	}
	return &Growth{configs, tell}, nil
}

// patience is how long a growth waits where it cannot go on: for a copy to follow, and for its
// promotion.
const patience = time.Minute

// maxLag is how many bytes a standby may be behind before a growth begins: it must catch up while
// nobody can write.
const maxLag = 64 << 20

// seat is a database of a growth.
type seat struct {
	standing
	place   int // among the URLs, from 1
	conn    *pgx.Conn
	standby bool   // it follows another server and takes no writes
	log     string // which log it keeps
	is      string // which database it is, and of which server: no other one says the same
	at      string // its address
}

func (s *seat) String() string { return fmt.Sprintf("database %d (%s)", s.place, s.at) }

// describe says what the database says of itself.
func (s *seat) describe() string {
	text := s.Shard.String()
	if s.Count == 0 {
		text = "it is alone"
	}
	if s.splitAt != nil {
		text += fmt.Sprintf(", with rows of rooms of database %d since %s", s.partner(), s.splitAt.UTC().Format(time.RFC3339))
	}
	if s.standby {
		text += ", a standby"
	}
	return text
}

// partner returns the number of the database with which a database of a cluster that has grown was
// one.
func (s *seat) partner() int { return (s.Number+s.Count/2-1)%s.Count + 1 }

const seatQuery = `
SELECT pg_is_in_recovery(), coalesce((SELECT log_id FROM log), ''),
  pg_postmaster_start_time()::text || ' ' || (SELECT oid FROM pg_database WHERE datname = current_database())::text`

// growthName is the application name of a growth's sessions. It begins as those of nodes do.
const growthName = "parley shards"

// sit connects to a database and looks at it.
func (g *Growth) sit(ctx context.Context, i int) (_ *seat, err error) {
	pool, err := g.configs[i].parse()
	if err != nil {
		return nil, err
	}
	config := bare(pool.ConnConfig)
	config.RuntimeParams["application_name"] = growthName
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	s := &seat{place: i + 1, at: addressOf(config)}
	if s.conn, err = pgx.ConnectConfig(ctx, config); err == nil {
		if err = s.look(ctx); err != nil {
			s.conn.Close(ctx)
		}
	}
	err = s.failure(ctx, err)
	return s, err
}

func (s *seat) failure(ctx context.Context, err error) error {
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok && (refused.Code == "42P01" || refused.Code == "42703") {
		return chat.Errorf(chat.Conflict, "%s: the schema is too old, or not there: run parley migrate up", s)
	}
	return failure(ctx, err, s.String())
}

func (s *seat) look(ctx context.Context) (err error) {
	if err := s.conn.QueryRow(ctx, seatQuery).Scan(&s.standby, &s.log, &s.is); err != nil {
		return err
	}
	s.standing, err = readShard(ctx, s.conn)
	return err
}

// table is all databases of a growth.
type table struct {
	*Growth
	seats []*seat
	half  int
}

// sitDown looks at all databases. The error is of those that it cannot reach; their places in seats
// are nil.
func (g *Growth) sitDown(ctx context.Context) (*table, error) {
	t := &table{g, make([]*seat, len(g.configs)), len(g.configs) / 2}
	err := together(len(g.configs), func(i int) error {
		s, err := g.sit(ctx, i)
		if err == nil {
			t.seats[i] = s
		}
		return err
	})
	return t, err
}

func (t *table) close(ctx context.Context) {
	for _, s := range t.seats {
		if s != nil {
			s.conn.Close(ctx) // all is committed
		}
	}
}

// together calls do for each of n places at once, and returns the errors.
func together(n int, do func(i int) error) error {
	errs := make([]error, n)
	var calls sync.WaitGroup
	for i := range n {
		calls.Go(func() { errs[i] = do(i) })
	}
	calls.Wait()
	return errors.Join(errs...)
}

func (g *Growth) say(format string, args ...any) { g.tell(fmt.Sprintf(format, args...)) }

// Status tells what each database says of itself, and what is to do.
func (g *Growth) Status(ctx context.Context) error {
	t, err := g.sitDown(ctx)
	defer t.close(ctx)
	for i, s := range t.seats {
		if s == nil {
			g.say("database %d: away", i+1)
			continue
		}
		g.say("%s: %s", s, s.describe())
	}
	if err != nil {
		return err
	}
	g.say("%s", t.next())
	return nil
}

// next tells what is to do.
func (t *table) next() string {
	if err := t.check(); err != nil {
		return "this cannot grow: " + chat.AsError(err).Reason
	}
	split := slices.ContainsFunc(t.seats, func(s *seat) bool { return s.splitAt != nil })
	switch {
	case !t.grown() && !split:
		return "next: parley shards grow"
	case !t.grown():
		return "the growth was begun: go on by parley shards grow, or give it up by parley shards undo"
	case split:
		return "the cluster has grown; next, once all nodes run with these URLs: parley shards drop"
	}
	return "the cluster has grown, and there is nothing to do"
}

// check fails with Conflict unless the databases are some that can grow, or are growing, or have
// grown.
func (t *table) check() error {
	first := t.seats[0]
	seen := map[string]int{}
	for _, s := range t.seats {
		if at := seen[s.is]; at > 0 {
			return sameDatabase(at, s.place)
		}
		seen[s.is] = s.place
	}
	for i, s := range t.seats {
		number := i%t.half + 1 // before
		copied := i >= t.half
		switch {
		case s.Count == 0 && t.half > 1:
			return chat.Errorf(chat.Conflict, "%s is of no cluster, and there are %d URLs", s, len(t.seats))
		case s.Count != 0 && s.Count != t.half && s.Count != len(t.seats):
			return chat.Errorf(chat.Conflict, "%s is %s, and there are %d URLs", s, s.Shard, len(t.seats))
		case s.Count != 0 && s.Number != number && (!copied || s.Count != len(t.seats) || s.Number != s.place):
			return chat.Errorf(chat.Conflict, "%s is %s, and should be number %d: name the databases in their order, and then the copies in the same order", s, s.Shard, number)
		case s.Count != 0 && first.Count != 0 && s.Cluster != first.Cluster:
			return chat.Errorf(chat.Conflict, "%s is of another cluster, %s, than the first one, %s", s, s.Cluster, first.Cluster)
		case copied && s.Number != s.place && s.log != t.seats[i-t.half].log:
			return chat.Errorf(chat.Conflict, "%s is no copy of %s: they keep different logs", s, t.seats[i-t.half])
		case copied && s.Count > t.seats[i-t.half].Count:
			return chat.Errorf(chat.Conflict, "%s is %s, and %s is not: they were not one", s, s.Shard, t.seats[i-t.half])
		case !copied && s.standby:
			return chat.Errorf(chat.Conflict, "%s is a standby, and takes no writes", s)
		}
	}
	return t.checkEpochs()
}

// checkEpochs fails with Conflict where databases that are on one side of the step have different
// epochs.
func (t *table) checkEpochs() error {
	epochs := map[int]int64{}
	for _, s := range t.seats[:t.half] {
		if was, seen := epochs[s.Count]; seen && was != s.Epoch {
			return chat.Errorf(chat.Conflict, "databases have the epochs %d and %d: a growth was given up, and that was broken off; repeat parley shards undo", was, s.Epoch)
		}
		epochs[s.Count] = s.Epoch
	}
	if before, ok := epochs[t.half]; ok && len(epochs) > 1 && epochs[len(t.seats)] != before+1 {
		return chat.Errorf(chat.Conflict, "databases have the epochs %d and %d: repeat parley shards undo", before, epochs[len(t.seats)])
	}
	return nil
}

// sessionSettings are what stores set for their sessions: they are not for migrations, and not for
// growths.
var sessionSettings = strings.Fields("statement_timeout idle_in_transaction_session_timeout enable_seqscan enable_hashjoin enable_mergejoin")

// isCopy reports whether two databases keep the same log.
func isCopy(ctx context.Context, configs ...Config) bool {
	var ids []string
	for _, cfg := range configs {
		pool, err := cfg.parse()
		if err != nil {
			return false
		}
		conn, err := pgx.ConnectConfig(ctx, pool.ConnConfig)
		if err != nil {
			return false
		}
		var id string
		err = conn.QueryRow(ctx, logQuery, pgx.QueryExecModeExec).Scan(&id)
		conn.Close(ctx) // it only asked
		if err != nil {
			return false
		}
		ids = append(ids, id)
	}
	return ids[0] == ids[1]
}
