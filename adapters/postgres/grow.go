package postgres

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/parley-chat/parley/core/chat"
)

const (
	// Whoever writes what is of a room has one of these tables locked before it compares the
	// shardStamp. They are in the order in which writers lock them.
	lockGatesStatement = `LOCK TABLE room, found, mark, hook_cursor IN EXCLUSIVE MODE`

	gatesPatience = `SET LOCAL lock_timeout = '2s'`

	// $1 is the cluster of one that is alone.
	splitStatement = `
INSERT INTO shard (cluster, number, count, epoch, formed, split_at) VALUES ($1, $2, $3, $4, true, clock_timestamp())
ON CONFLICT (one) DO UPDATE SET count = excluded.count, epoch = excluded.epoch, split_at = excluded.split_at`

	takeStatement = `UPDATE shard SET number = $1, formed = false WHERE number <> $1`

	sinceQuery = `SELECT coalesce(extract(epoch FROM clock_timestamp() - split_at), 0)::float8 FROM shard`

	promoteStatement = `SELECT pg_promote(false)`

	lagQuery = `SELECT pg_current_wal_lsn()::text`

	behindQuery = `SELECT greatest(pg_wal_lsn_diff($1::text::pg_lsn, pg_last_wal_replay_lsn()), 0)::bigint`

	syncQuery = `
SELECT current_setting('synchronous_standby_names') <> '' AND (SELECT count(*) <= $1 FROM pg_stat_replication WHERE state IS NULL OR state = 'streaming')`
)

// Grow makes the cluster grow. Nobody can write from its first step to its last one, which takes
// about as long as the promotion of a standby. If it fails, nothing is lost: it can be repeated, or
// given up by Undo.
//
// With byHand, copies need not follow: it only takes the first step. The copies are made after
// that, and Grow is called again once they are there.
func (g *Growth) Grow(ctx context.Context, byHand bool) error {
	t, err := g.sitDown(ctx)
	defer t.close(ctx)
	if byHand && t.seats[0] != nil {
		return t.byHand(ctx)
	}
	if err != nil {
		return err
	}
	if err := t.check(); err != nil {
		return err
	}
	if t.grown() {
		g.say("the cluster has these %d databases already", len(t.seats))
		return nil
	}
	if err := together(t.half, func(i int) error { return t.ready(ctx, i) }); err != nil {
		return err
	}
	if err := t.split(ctx); err != nil {
		return err
	}
	if err := together(t.half, func(i int) error { return t.take(ctx, i) }); err != nil {
		return errors.Join(err, chat.Errorf(chat.Unavailable, "nobody can write until this is done: go on by the same command once the reason is mended, or give it up by parley shards undo"))
	}
	if err := t.sayGrown(ctx); err != nil {
		return err
	}
	return t.endSessions(ctx)
}

// sayGrown tells how long it took, from the first step of all, by the databases' clocks.
func (t *table) sayGrown(ctx context.Context) error {
	longest := time.Duration(0)
	for _, s := range t.seats[:t.half] {
		var seconds float64
		if err := s.conn.QueryRow(ctx, sinceQuery).Scan(&seconds); err != nil {
			return s.failure(ctx, err)
		}
		longest = max(longest, time.Duration(seconds*float64(time.Second)))
	}
	t.say("the cluster has grown to %d databases; writes were held up for %v", len(t.seats), longest.Round(time.Millisecond))
	return nil
}

// grown reports whether all databases have their places.
func (t *table) grown() bool {
	return !slices.ContainsFunc(t.seats, func(s *seat) bool { return s.Count != len(t.seats) || s.Number != s.place })
}

// byHand takes the first step without looking at copies.
func (t *table) byHand(ctx context.Context) error {
	for i := range t.half {
		if t.seats[i] == nil {
			return chat.Errorf(chat.Unavailable, "database %d is away", i+1)
		}
	}
	for _, s := range t.seats[:t.half] {
		if s.Count != 0 && s.Number != s.place || s.Count == 0 && t.half > 1 || s.Count != 0 && s.Count != t.half && s.Count != len(t.seats) {
			return chat.Errorf(chat.Conflict, "%s is %s", s, s.Shard)
		}
	}
	if err := t.split(ctx); err != nil {
		return err
	}
	t.say("nobody can write now: copy each database to its new place, and then go on by parley shards grow; or give it up by parley shards undo")
	return nil
}

// ready fails unless a database's copy follows it, or was made after the first step.
func (t *table) ready(ctx context.Context, i int) error {
	s, copied := t.seats[i], t.seats[i+t.half]
	if s.Count == len(t.seats) {
		return nil // its copy is awaited
	}
	if !copied.standby {
		return chat.Errorf(chat.Conflict, "%s is no standby of %s, and does not follow it: make it one, or say -by-hand and copy while nobody can write", copied, s)
	}
	var at string
	var behind int64
	if err := s.conn.QueryRow(ctx, lagQuery).Scan(&at); err != nil {
		return s.failure(ctx, err)
	}
	if err := copied.conn.QueryRow(ctx, behindQuery, at).Scan(&behind); err != nil {
		return copied.failure(ctx, err)
	}
	if behind > maxLag {
		return chat.Errorf(chat.Conflict, "%s is %d MB behind %s, and nobody could write until it has caught up: wait for it", copied, behind>>20, s)
	}
	return errors.Join(s.mayCommit(ctx, 1), copied.mayCommit(ctx, 0))
}

// mayCommit fails with Conflict if the database commits only with a standby, and has none besides
// some.
func (s *seat) mayCommit(ctx context.Context, besides int) error {
	var hangs bool
	if err := s.conn.QueryRow(ctx, syncQuery, besides).Scan(&hangs); err != nil {
		return s.failure(ctx, err)
	}
	if hangs {
		return chat.Errorf(chat.Conflict, "%s commits only with a standby (synchronous_standby_names), and will have none: give it one, or let it commit alone", s)
	}
	return nil
}

// split takes the first step on all databases that have not yet: those who write by the map before
// are done, and no others follow. That of the first database comes last, so that a node that finds
// it taken there finds it everywhere.
func (t *table) split(ctx context.Context) error {
	cluster, epoch := newCluster(), int64(1)
	for _, s := range t.seats[:t.half] {
		if s.Count > 0 {
			cluster, epoch = s.Cluster, max(epoch, s.Epoch)
		}
	}
	for _, s := range t.seats[:t.half] {
		if s.Count == t.half && s.Count > 0 && s.Epoch == epoch {
			epoch++
			break
		}
	}
	one := func(i int) error {
		s := t.seats[i]
		if s.Count == len(t.seats) {
			return nil
		}
		if err := s.locked(ctx, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, splitStatement, cluster, i+1, len(t.seats), epoch)
			return err
		}); err != nil {
			return err
		}
		t.say("%s takes no writes by the map before any more", s)
		return s.failure(ctx, s.look(ctx))
	}
	if err := together(t.half-1, func(i int) error { return one(i + 1) }); err != nil {
		return err
	}
	return one(0)
}

// locked changes which database of a cluster it is, once the writes under way are done. While it
// waits for them, no other ones begin; so it waits only for a moment, and tries again.
func (s *seat) locked(ctx context.Context, do func(tx pgx.Tx) error) error {
	for deadline := time.Now().Add(patience); ; {
		err := pgx.BeginFunc(ctx, s.conn, func(tx pgx.Tx) error {
			for _, statement := range []string{gatesPatience, lockGatesStatement} {
				if _, err := tx.Exec(ctx, statement); err != nil {
					return err
				}
			}
			is, err := readShard(ctx, tx)
			if err != nil {
				return err
			}
			if is.Shard != s.Shard {
				return chat.Errorf(chat.Conflict, "%s is %s by now: somebody else changes it", s, is.Shard)
			}
			return do(tx)
		})
		refused, ok := errors.AsType[*pgconn.PgError](err)
		held := ok && (refused.Code == lockNotAvailable || refused.Code == "40P01") // or a deadlock
		if !held || time.Now().After(deadline) {
			return s.failure(ctx, err)
		}
		if err := sleep(ctx, time.Second); err != nil {
			return err
		}
	}
}

// take has the copy of a database take its new place, once it has all that was written.
func (t *table) take(ctx context.Context, i int) error {
	s, copied := t.seats[i], t.seats[i+t.half]
	if copied.Shard == (Shard{s.Cluster, copied.place, s.Count, s.Epoch}) {
		return nil
	}
	followed := copied.standby
	if err := copied.await(ctx, func() bool { return copied.Shard == s.Shard }, "does not follow "+s.String()+", or was copied before nobody could write"); err != nil {
		return err
	}
	if copied.standby {
		if err := t.promote(ctx, copied); err != nil {
			return err
		}
	}
	if !followed {
		if err := t.compare(ctx, s, copied); err != nil {
			return err
		}
	}
	if err := copied.locked(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, takeStatement, copied.place)
		return err
	}); err != nil {
		return err
	}
	t.say("%s has taken its place", copied)
	return copied.failure(ctx, copied.look(ctx))
}

// promote has a standby take writes. Where that is not allowed to the store's user, somebody else
// must do it.
func (t *table) promote(ctx context.Context, s *seat) error {
	_, err := s.conn.Exec(ctx, promoteStatement)
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok && refused.Code == "42501" {
		t.say("%s: the store's user may not promote it. Promote it now; this waits", s)
	} else if err != nil {
		return s.failure(ctx, err)
	}
	return s.await(ctx, func() bool { return !s.standby }, "is a standby still")
}

// await waits until a database is as it should be.
func (s *seat) await(ctx context.Context, is func() bool, why string) error {
	for deadline := time.Now().Add(patience); !is(); {
		if time.Now().After(deadline) {
			return chat.Errorf(chat.Unavailable, "%s %s", s, why)
		}
		if err := sleep(ctx, 10*time.Millisecond); err != nil {
			return err
		}
		if err := s.look(ctx); err != nil {
			return s.failure(ctx, err)
		}
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// compare fails with Conflict unless a copy has as many rows as the database of all rooms that are
// to be its own. Nobody can write those rooms.
func (t *table) compare(ctx context.Context, s, copied *seat) error {
	for _, name := range roomTables {
		query := "SELECT count(*) FROM " + name + " WHERE " + NumberOf("room_id", len(t.seats)) + " = $1"
		var counts [2]int64
		for i, at := range []*seat{s, copied} {
			if err := at.conn.QueryRow(ctx, query, copied.place).Scan(&counts[i]); err != nil {
				return at.failure(ctx, err)
			}
		}
		if counts[0] != counts[1] {
			return chat.Errorf(chat.Conflict, "%s has %d rows in %s for its rooms, and %s has %d: copy it whole", copied, counts[1], name, s, counts[0])
		}
	}
	return nil
}

const (
	unsplitStatement = `UPDATE shard SET count = $1, epoch = $2, split_at = NULL`

	aloneStatement = `DELETE FROM shard`
)

// Undo gives up a growth that was begun, and is not done: nodes with the URLs from before can be
// started again. It fails with Conflict if any copy has taken its new place: writes may have gone
// there. A copy that is away may have, too; lost says that it is known to be gone for good.
func (g *Growth) Undo(ctx context.Context, lost bool) error {
	t, away := g.sitDown(ctx)
	defer t.close(ctx)
	var epoch int64
	begun := false
	for i, s := range t.seats {
		switch {
		case s == nil && (i < t.half || !lost):
			return away
		case s != nil && i >= t.half && s.Number == s.place && s.Count == len(t.seats):
			return chat.Errorf(chat.Conflict, "%s has taken its place: writes may have gone there. Go on by parley shards grow", s)
		case s != nil && i < t.half:
			begun = begun || s.Count == len(t.seats)
			epoch = max(epoch, s.Epoch)
		}
	}
	if begun {
		epoch++
	}
	undone := 0
	for _, s := range t.seats[:t.half] {
		if s.Count == 0 || s.Count == t.half && s.Epoch == epoch {
			continue
		}
		statement, args := unsplitStatement, []any{t.half, epoch}
		if t.half == 1 {
			statement, args = aloneStatement, nil
		}
		if err := s.locked(ctx, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, statement, args...)
			return err
		}); err != nil {
			return err
		}
		undone++
	}
	if undone == 0 {
		return chat.Errorf(chat.Conflict, "no growth was begun")
	}
	g.say("the growth is given up: start the nodes again with the URLs from before. The copies are of no use any more: make new ones")
	return nil
}
