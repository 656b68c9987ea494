package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// heldAfter is how long an append waits for a lock before it goes on without the room. Other nodes
// that append to the same rooms hold them for the time of a commit.
const heldAfter = 200 * time.Millisecond

const (
	boundStatement     = `SELECT set_config('lock_timeout', $1, true)`
	boundHereStatement = `SET LOCAL lock_timeout = %d`
)

// bound bounds the waits for locks if the connections of appends do not do so by themselves: if
// other calls use them too, or others than the store do, as behind a pooler.
func (s *Store) bound(batch *roomBatch) {
	if s.unbounded || s.distributed {
		batch.bound(heldAfter)
	}
}

// bound bounds the waits for locks of the statements after it, up to the end of the transaction. An
// engine that distributes passes on only one way of setting it, if it passes on any, which is of no
// effect where no transaction was begun.
func (b *roomBatch) bound(wait time.Duration) {
	if b.s.distributed {
		b.Queue(fmt.Sprintf(boundHereStatement, wait.Milliseconds()))
	} else {
		b.Queue(boundStatement, strconv.FormatInt(wait.Milliseconds(), 10))
	}
}

// querier is a connection, or a pool of them.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// isHeld reports whether a lock could not be got in time. Then the transaction has done nothing.
func isHeld(err error) bool {
	refused, ok := errors.AsType[*pgconn.PgError](err)
	return ok && refused.Code == lockNotAvailable
}

// around appends what it can without waiting: proposals to rooms that somebody else has locked are
// held. If even that has to wait, a whole table is locked and nothing can be written.
func (s *Store) around(ctx context.Context, proposals []chat.Proposal) ([]ports.Outcome, error) {
	outcomes, err := s.change(ctx, proposals, lockFreeQuery)
	if isHeld(err) {
		return nil, fmt.Errorf("a table is locked, perhaps by %s: %w", holders(ctx, s.appends), err)
	}
	return outcomes, err
}

// heldAll returns the outcomes of a batch that met a locked row which is not a room's: all
// proposals to rooms that exist are held.
func heldAll(ctx context.Context, conn querier, proposals []chat.Proposal, exists func(chat.RoomID) bool) []ports.Outcome {
	outcomes := make([]ports.Outcome, len(proposals))
	for i := range proposals {
		if outcomes[i].Status = ports.Held; !exists(proposals[i].Room) {
			outcomes[i] = ports.Outcome{Err: chat.NoRoom(proposals[i].Room)}
		}
	}
	return tellHolders(ctx, conn, proposals, outcomes)
}

func isHeldOutcome(o ports.Outcome) bool { return o.Status == ports.Held }

// tellHolders adds to the held outcomes who may hold their rooms.
func tellHolders(ctx context.Context, conn querier, proposals []chat.Proposal, outcomes []ports.Outcome) []ports.Outcome {
	who := holders(ctx, conn)
	for i := range outcomes {
		if isHeldOutcome(outcomes[i]) {
			outcomes[i].Err = &chat.Error{
				Kind: chat.Unavailable, Reason: "the room is locked in the store; try again", RetryAfter: time.Second,
				Cause: fmt.Errorf("room %s is locked in the database, perhaps by %s", proposals[i].Room, who),
			}
		}
	}
	return outcomes
}

// tableLockedQuery tells whether a transaction has a lock that keeps all others from writing to a
// table of the store, as CREATE INDEX does.
const tableLockedQuery = `
SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
WHERE l.locktype = 'relation' AND l.granted AND l.pid IS DISTINCT FROM pg_backend_pid()
  AND l.mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND c.relname IN ('room', 'entry', 'reaction', 'reactor', 'member', 'mark', 'spoke'))`

func tableLocked(ctx context.Context, conn querier) bool {
	rows, err := conn.Query(ctx, tableLockedQuery)
	if err != nil {
		return false
	}
	locked, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[bool])
	return err == nil && locked
}

// holdersQuery lists the transactions with locks on the store's tables that others may wait for,
// the oldest first. It leaves out those of the last 10 ms: appends.
const holdersQuery = `
SELECT coalesce(l.pid, 0), coalesce(a.application_name, ''), coalesce(a.state, ''), coalesce(extract(epoch FROM clock_timestamp() - a.xact_start), 0)::float8,
  string_agg(DISTINCT l.mode || ' on ' || c.relname, ', ')
FROM pg_locks l
JOIN pg_class c ON c.oid = l.relation
LEFT JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'relation' AND l.granted AND l.mode <> 'AccessShareLock' AND l.pid IS DISTINCT FROM pg_backend_pid()
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND c.relname IN ('room', 'entry', 'reaction', 'reactor', 'member', 'mark', 'spoke')
  AND (a.xact_start IS NULL OR a.xact_start < clock_timestamp() - interval '10 ms')
GROUP BY l.pid, a.application_name, a.state, a.xact_start
ORDER BY a.xact_start NULLS LAST LIMIT 3`

// holders describes, for the log, the transactions whose locks appends may wait for.
func holders(ctx context.Context, conn querier) string {
	rows, err := conn.Query(ctx, holdersQuery)
	if err != nil {
		return "an unknown transaction (" + err.Error() + ")"
	}
	var found []string
	var pid int32
	var name, state, locks string
	var age float64
	_, err = pgx.ForEachRow(rows, []any{&pid, &name, &state, &age, &locks}, func() error {
		if pid == 0 {
			found = append(found, fmt.Sprintf("a prepared transaction (see pg_prepared_xacts; %s)", locks))
			return nil
		}
		found = append(found, fmt.Sprintf("process %d (%q, %s, in its transaction for %.1f s; %s)", pid, name, state, age, locks))
		return nil
	})
	if err != nil || len(found) == 0 {
		return "a transaction that is over by now"
	}
	return strings.Join(found, ", or ")
}
