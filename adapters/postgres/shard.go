package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// Shard says which database of a cluster a database is. The zero Shard is one that is alone.
type Shard struct {
	Cluster string // which cluster
	Number  int    // from 1 to Count
	Count   int    // how many databases the cluster has
	Epoch   int64  // grows each time that rooms are spread over the databases anew
}

func (s Shard) String() string {
	if s.Count == 0 {
		return "a database that is alone"
	}
	return fmt.Sprintf("database %d of %d of the cluster %s, epoch %d", s.Number, s.Count, s.Cluster, s.Epoch)
}

// stamp is what shardStamp is in that database.
func (s Shard) stamp() string {
	if s.Count == 0 {
		return ""
	}
	return fmt.Sprintf("%s/%d/%d/%d", s.Cluster, s.Number, s.Count, s.Epoch)
}

const (
	// shardStamp is all of a database's Shard, or empty where it is alone. A statement that
	// compares it once it has the lock of a room writes nothing by an old map: whoever spreads
	// rooms anew locks the table of rooms for that, and so waits for all appends before.
	shardStamp = `coalesce((SELECT cluster || '/' || number || '/' || count || '/' || epoch FROM shard WHERE one), '')`

	stampQuery = `SELECT ` + shardStamp

	// shardSplit is whether the database has rows of rooms that another one has now.
	shardSplit = `EXISTS (SELECT FROM shard WHERE one AND split_at IS NOT NULL)`

	hereQuery = `SELECT ` + shardStamp + `, ` + shardSplit

	shardQuery = `SELECT cluster, number, count, epoch, formed, split_at FROM shard WHERE one`

	// It keeps anybody from making a room until the row is there.
	lockRoomsStatement = `LOCK TABLE room IN EXCLUSIVE MODE`

	anyRoomQuery = `SELECT EXISTS (SELECT FROM room)`

	joinStatement = `INSERT INTO shard (cluster, number, count, epoch) VALUES ($1, $2, $3, $4)`

	formStatement = `UPDATE shard SET formed = true WHERE NOT formed`
)

// shardTime is how long OpenShards waits for a database of a cluster that was formed, unless it is
// the first one.
const shardTime = 10 * time.Second

// OpenShards opens the databases of a cluster, in their order, as Open does each. Empty databases
// become a cluster when they are opened together for the first time. It fails with Conflict if they
// are not the databases of one cluster, all of them and in their order.
//
// Once the cluster is formed, it needs only the first one. Another one that is away for long is
// checked, and migrated, by the first connection to it. If there are half as many databases in the
// cluster yet, OpenShards waits until it has grown (see Growth).
func OpenShards(ctx context.Context, configs []Config) (stores []*Store, err error) {
	defer func() {
		if err != nil {
			for _, s := range stores {
				s.Close()
			}
		}
	}()
	if slices.ContainsFunc(configs, Config.distributed) {
		return nil, errOneEngine
	}
	if err := eachOnce(configs); err != nil {
		return nil, err
	}
	as := Shard{Count: len(configs)}
	var first standing
	for i, cfg := range configs {
		as.Number = i + 1
		var s *Store
		if i == 0 {
			s, first, err = openFirst(ctx, configs, as)
		} else {
			s, err = openInTime(ctx, cfg, as, first)
		}
		if err != nil {
			return stores, err
		}
		stores = append(stores, s)
		as = s.shard
	}
	if first.formed {
		return stores, nil
	}
	_, err = stores[0].pool.Exec(ctx, formStatement)
	return stores, failure(ctx, err, "form a cluster of databases")
}

// eachOnce fails if two URLs name the same database: it would become the first one of a cluster
// that has no second one.
func eachOnce(configs []Config) error {
	places := map[string]int{}
	for i, cfg := range configs {
		pool, err := cfg.parse()
		if err != nil {
			return err
		}
		at := addressOf(pool.ConnConfig)
		if place, twice := places[at]; twice {
			return sameDatabase(place, i+1)
		}
		places[at] = i + 1
	}
	return nil
}

func sameDatabase(one, other int) error {
	return chat.Errorf(chat.Conflict, "the URLs in place %d and %d lead to the same database", one, other)
}

func addressOf(config *pgx.ConnConfig) string {
	return net.JoinHostPort(config.Host, strconv.Itoa(int(config.Port))) + "/" + config.Database
}

// openFirst opens the first database. One that is alone, and named with a copy of it, is about to
// become one of two: that is awaited.
func openFirst(ctx context.Context, configs []Config, as Shard) (s *Store, is standing, err error) {
	cfg := configs[0]
	err = cfg.wait(ctx, func() (err error) {
		s, is, err = openAs(ctx, cfg, as, standing{})
		if len(configs) == 2 && errors.Is(err, errAlone) && isCopy(ctx, configs[0], configs[1]) {
			return growing("the database is alone, and the store has 2 URLs")
		}
		return err
	})
	return s, is, err
}

// openInTime is openAs, but if the cluster is formed it does not wait for long.
func openInTime(ctx context.Context, cfg Config, as Shard, first standing) (*Store, error) {
	if !first.formed {
		s, _, err := openAs(ctx, cfg, as, first)
		return s, err
	}
	soon, cancel := context.WithTimeout(ctx, shardTime)
	defer cancel()
	s, _, err := openAs(soon, cfg, as, first)
	if errors.Is(err, chat.Unavailable) && ctx.Err() == nil {
		return openUnseen(ctx, cfg, as)
	}
	return s, err
}

// openUnseen returns the store of a database that is away.
func openUnseen(ctx context.Context, cfg Config, as Shard) (*Store, error) {
	poolConfig, err := cfg.parse()
	if err != nil {
		return nil, err
	}
	poolConfig.MinConns, poolConfig.MinIdleConns = 0, 0
	s := newStore(cfg)
	s.shard, s.stamp = as, as.stamp()
	s.unseen.Store(true)
	s.noMigrate = cfg.NoMigrate
	_, _ = rand.Read(s.laneKey[:]) // it never fails; on other nodes its rooms go by other lanes
	if err := s.connect(ctx, cfg, poolConfig); err != nil {
		return nil, failure(ctx, err, "open the store")
	}
	return s, nil
}

// see brings the schema of a database up to date that was away when the store was opened.
func (s *Store) see(ctx context.Context, config *pgx.ConnConfig) error {
	s.seeing.Lock()
	defer s.seeing.Unlock()
	if !s.unseen.Load() {
		return nil
	}
	if err := prepare(ctx, config, s.noMigrate); err != nil {
		return &chat.Error{Kind: chat.Unavailable, Reason: "the store is not ready; try again", Cause: err}
	}
	s.unseen.Store(false)
	return nil
}

// Shard returns which database of a cluster the store is in.
func (s *Store) Shard() Shard { return s.shard }

// standing is what a database says of itself.
type standing struct {
	Shard
	formed  bool       // of the first: all have joined
	splitAt *time.Time // nil unless it has rows of rooms that another one has now
}

// join finds which database of a cluster a database is, or makes it that of as if it is empty and
// the cluster is not formed. as has no Cluster and no Epoch where it is the first, and first is
// empty then.
func join(ctx context.Context, config *pgx.ConnConfig, as Shard, first standing) (is standing, err error) {
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return is, err
	}
	defer conn.Close(ctx) // all is committed
	is, err = readShard(ctx, conn)
	if err == nil && is.Count == 0 && as.Count > 0 {
		is, err = joinEmpty(ctx, conn, as, first)
	}
	if err != nil {
		return is, err
	}
	return is, is.mustBe(as, first)
}

// readShard reads which database of a cluster a database is.
func readShard(ctx context.Context, conn interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
},
) (is standing, err error) {
	err = conn.QueryRow(ctx, shardQuery).Scan(&is.Cluster, &is.Number, &is.Count, &is.Epoch, &is.formed, &is.splitAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return standing{}, nil
	}
	return is, err
}

// errAlone is the cause where a database that is alone is opened as one of several.
var errAlone = errors.New("is not of a cluster")

// joinEmpty makes an empty database one of a cluster that is not formed yet. Of several nodes one
// does, and the others find what it did.
func joinEmpty(ctx context.Context, conn *pgx.Conn, as Shard, first standing) (is standing, err error) {
	if first.splitAt != nil && as.Number > as.Count/2 {
		return is, growing("the copy of database %d does not follow yet", as.Number-as.Count/2)
	}
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) (err error) {
		if _, err := tx.Exec(ctx, lockRoomsStatement); err != nil {
			return err
		}
		if is, err = readShard(ctx, tx); err != nil || is.Count > 0 {
			return err
		}
		var rooms bool
		if err := tx.QueryRow(ctx, anyRoomQuery).Scan(&rooms); err != nil {
			return err
		}
		switch {
		case rooms:
			err := fmt.Errorf("database %d of the store's URLs has rooms, and %w: "+
				"one that was alone becomes one of two by parley shards grow, and not by being named with others", as.Number, errAlone)
			return &chat.Error{Kind: chat.Conflict, Reason: err.Error(), Cause: err}
		case first.formed:
			return chat.Errorf(chat.Conflict, "database %d of the store's URLs is empty, and the cluster was formed with another one: it is not the right one, or was lost; restore it", as.Number)
		}
		if is = (standing{Shard: as}); is.Cluster == "" {
			is.Cluster, is.Epoch = newCluster(), 1
		}
		_, err = tx.Exec(ctx, joinStatement, is.Cluster, is.Number, is.Count, is.Epoch)
		return err
	})
	return is, err
}

func newCluster() string { return rand.Text()[:12] }

// mustBe fails with Conflict where a database is another one than as says, and with growing where
// it is to become that.
func (s standing) mustBe(as Shard, first standing) error {
	known := as.Cluster != ""
	half := as.Count / 2
	grows := as.Count == 2*half && (!known || first.splitAt != nil && s.Cluster == as.Cluster)
	switch {
	case as.Count == 0 && s.Count == 0:
		return nil
	case as.Count == 0:
		return chat.Errorf(chat.Conflict, "the database is number %d of %d: the store's URL must name them all, in their order, separated by spaces", s.Number, s.Count)
	case grows && s.Count == half && (s.Number == as.Number || s.Number == as.Number-half):
		return growing("the store has %d URLs, and the cluster %d databases", as.Count, s.Count)
	case grows && known && s.Count == as.Count && s.Number == as.Number-half && s.splitAt != nil:
		return growing("the copy of database %d is that still", s.Number)
	case s.Count != as.Count:
		return chat.Errorf(chat.Conflict, "the store has %d URLs, and the database at the one in place %d is number %d of %d: name them all, in their order", as.Count, as.Number, s.Number, s.Count)
	case s.Number != as.Number:
		return chat.Errorf(chat.Conflict, "the database at the store's URL in place %d is number %d of %d: name them in their order, each once", as.Number, s.Number, s.Count)
	case known && s.Cluster != as.Cluster:
		return chat.Errorf(chat.Conflict, "the database at the store's URL in place %d is of another cluster, %s, than the first one, %s", as.Number, s.Cluster, as.Cluster)
	case known && s.Epoch != as.Epoch:
		return chat.Errorf(chat.Conflict, "the database at the store's URL in place %d has the epoch %d, and the first one %d: the rooms are being spread anew, or it was restored to an older state", as.Number, s.Epoch, as.Epoch)
	}
	return nil
}

// errGrowing is the cause where a cluster is to grow before it can be opened.
var errGrowing = errors.New("the node waits until parley shards grow is done")

func growing(format string, args ...any) error {
	err := fmt.Errorf(format+": %w", append(args, errGrowing)...)
	return &chat.Error{Kind: chat.Unavailable, Reason: err.Error(), Cause: err}
}

// outdated is closed once a store knows that rooms were spread anew since it was opened.
type outdated struct {
	once sync.Once
	done chan struct{}
}

// AwaitMap implements ports.Mapped.
func (s *Store) AwaitMap(ctx context.Context) error {
	select {
	case <-s.outdated.done:
		return chat.Errorf(chat.Conflict, "the rooms were spread over databases anew: start again with a PARLEY_STORE_URL that names them all")
	case <-ctx.Done():
		return ctx.Err()
	}
}

// strange is the error of a store that finds another database than it opened, or one that has
// another place in its cluster by now. Nothing was written.
func (s *Store) strange(stamp string) error {
	if s.isLater(stamp) {
		s.outdated.once.Do(func() { close(s.outdated.done) })
	}
	return &chat.Error{
		Kind: chat.Unavailable, Reason: "the store is not what this node knows; try again",
		Cause: fmt.Errorf("the node opened %s, and finds %q: rooms were spread anew, and the node must be started again with the URLs of all databases, "+
			"or a name leads to another database", s.shard, stamp),
	}
}

// isLater reports whether a stamp is that of the same database once rooms were spread anew.
func (s *Store) isLater(stamp string) bool {
	if s.stamp == "" {
		return stamp != ""
	}
	parts := strings.Split(stamp, "/")
	if len(parts) != 4 || parts[0] != s.shard.Cluster {
		return false
	}
	epoch, err := strconv.ParseInt(parts[3], 10, 64)
	return err == nil && epoch > s.shard.Epoch
}

// elsewhere asks which database it is that is not the one that was opened, and returns strange.
func (s *Store) elsewhere(ctx context.Context) error {
	var stamp string
	if err := s.appends.QueryRow(ctx, stampQuery).Scan(&stamp); err != nil {
		return err
	}
	return s.strange(stamp)
}

// isHere checks on a new connection that it leads to the database that was opened.
func (s *Store) isHere(ctx context.Context, conn *pgx.Conn) error {
	if s.unseen.Load() {
		if err := s.see(ctx, conn.Config()); err != nil {
			return err
		}
	}
	var stamp string
	var split bool
	if err := conn.QueryRow(ctx, hereQuery, pgx.QueryExecModeSimpleProtocol).Scan(&stamp, &split); err != nil {
		return err
	}
	if stamp != s.stamp {
		return s.strange(stamp)
	}
	s.split.Store(split)
	return nil
}

const (
	holdStatement = `
WITH due AS MATERIALIZED (
  SELECT p.* FROM unnest($1::smallint[], $2::bigint[], $3::text[]) AS p (share, fence, node)
  JOIN lease l ON l.share = p.share WHERE l.fence < p.fence ORDER BY p.share FOR UPDATE OF l
)
UPDATE lease l SET node = d.node, fence = d.fence FROM due d WHERE l.share = d.share AND l.fence < d.fence`

	raiseStatement = `UPDATE consumer SET generation = $1 WHERE name = '' AND generation < $1`
)

// Hold takes over from the first database of a cluster who holds leases, where that is later than
// what is known here. It waits for moves under earlier leases.
func (s *Store) Hold(ctx context.Context, leases []ports.Lease, nodes []ports.NodeID) error {
	shares, fences, names := make([]int16, len(leases)), make([]int64, len(leases)), make([]string, len(leases))
	for i, l := range leases {
		shares[i], fences[i], names[i] = int16(l.Share), l.Fence, string(nodes[i])
	}
	return s.exec(ctx, "take over leases", holdStatement, shares, fences, names)
}

// Raise takes over from the first database of a cluster which generation of consumers is the
// present one. A Clear of an earlier one has no effect then.
func (s *Store) Raise(ctx context.Context, generation int64) error {
	return s.exec(ctx, "take over the generation of consumers", raiseStatement, generation)
}
