package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"slices"
	"strings"
)

// write runs do in one transaction. When write returns nil, the transaction is durable.
func (s *Store) write(ctx context.Context, what string, do func(tx *transaction) error) error {
	return s.writeKept(ctx, what, func(tx *transaction, _ any) error {
		s.kept.drop()
		return do(tx)
	})
}

// writeBeside is write for a transaction that changes nothing of which rows are kept: no room but
// for its share, no member, and nobody who speaks.
func (s *Store) writeBeside(ctx context.Context, what string, do func(tx *transaction) error) error {
	return s.writeKept(ctx, what, func(tx *transaction, _ any) error { return do(tx) })
}

// writeKept is write for a transaction that keeps or drops rows itself. conn is the driver's
// connection.
func (s *Store) writeKept(ctx context.Context, what string, do func(tx *transaction, conn any) error) error {
	return within(ctx, s.inTurn(ctx, func(conn *sql.Conn) error {
		of, err := rawOf(conn)
		if err != nil {
			return err
		}
		return inTransaction(ctx, conn, func(tx *transaction) error { return do(tx, of) })
	}), what)
}

// inTurn runs do with the writer's connection while nobody else writes. If it fails, what it may
// have kept is dropped.
func (s *Store) inTurn(ctx context.Context, do func(conn *sql.Conn) error) error {
	if err := s.kept.take(ctx); err != nil {
		return err
	}
	defer s.kept.giveBack()
	return s.withWriter(ctx, func(conn *sql.Conn) error {
		done := false
		defer func() { // also when it panics
			if !done {
				s.kept.drop()
			}
		}()
		err := do(conn)
		done = err == nil
		return err
	})
}

// withWriter runs do with the writer's connection, unless the store's files are not in their place.
func (s *Store) withWriter(ctx context.Context, do func(conn *sql.Conn) error) error {
	conn, err := s.writer.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close() // this gives the connection back
	if err := s.inPlace(conn); err != nil {
		return err
	}
	return do(conn)
}

func rawOf(conn *sql.Conn) (of any, err error) {
	err = conn.Raw(func(raw any) error {
		of = raw
		return nil
	})
	return of, err
}

// writeSoon is like write, but its transaction is durable only when the next transaction of write
// is. This holds as the WAL file is written in order, and synced as a whole. It is for data that
// can be made again as long as nothing later is durable.
func (s *Store) writeSoon(ctx context.Context, what string, do func(tx *transaction) error) error {
	return within(ctx, s.inTurn(ctx, func(conn *sql.Conn) error {
		_, err := conn.ExecContext(ctx, `PRAGMA synchronous = NORMAL`)
		if err == nil {
			err = inTransaction(ctx, conn, do)
		}
		if _, fault := conn.ExecContext(context.WithoutCancel(ctx), `PRAGMA synchronous = FULL`); fault != nil {
			err = errors.Join(err, fault)
			// This closes the connection, so that nobody writes over it.
			conn.Raw(func(any) error { return driver.ErrBadConn }) //nolint:errcheck // it returns just that
		}
		return err
	}), what)
}

func inTransaction(ctx context.Context, conn *sql.Conn, do func(tx *transaction) error) error {
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing to roll back; else the first error counts
	// The transaction itself watches ctx. Its statements take microseconds; a watch for each of
	// them would cost more.
	if err := do(&transaction{ctx: context.WithoutCancel(ctx), tx: tx, own: map[*sql.Stmt]*sql.Stmt{}}); err != nil {
		return err
	}
	return tx.Commit()
}

// view runs do in one read transaction, which sees one snapshot.
func (s *Store) view(ctx context.Context, what string, do func(tx *transaction) error) error {
	tx, err := s.reader.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return within(ctx, err, what)
	}
	defer tx.Rollback() //nolint:errcheck // it only read
	return within(ctx, do(&transaction{ctx: ctx, tx: tx, own: map[*sql.Stmt]*sql.Stmt{}}), what)
}

// transaction runs prepared statements. It holds a context because it lives only within the call
// that the context belongs to.
type transaction struct {
	ctx context.Context
	tx  *sql.Tx
	own map[*sql.Stmt]*sql.Stmt // the statements used so far, bound to this transaction
}

// stmt returns a statement bound to the transaction; it is closed with it.
func (t *transaction) stmt(of *sql.Stmt) *sql.Stmt {
	own, ok := t.own[of]
	if !ok {
		own = t.tx.StmtContext(t.ctx, of)
		t.own[of] = own
	}
	return own
}

func (t *transaction) exec(stmt *sql.Stmt, args ...any) error {
	_, err := t.stmt(stmt).ExecContext(t.ctx, args...) //nolint:sqlclosecheck // it ends with the transaction
	return err
}

// changes is like exec, and also reports whether a row has changed.
func (t *transaction) changes(stmt *sql.Stmt, args ...any) (bool, error) {
	result, err := t.stmt(stmt).ExecContext(t.ctx, args...) //nolint:sqlclosecheck // it ends with the transaction
	if err != nil {
		return false, err
	}
	rows, err := result.RowsAffected()
	return rows > 0, err
}

func (t *transaction) row(stmt *sql.Stmt, args ...any) *sql.Row {
	return t.stmt(stmt).QueryRowContext(t.ctx, args...) //nolint:sqlclosecheck // it ends with the transaction
}

func (t *transaction) each(stmt *sql.Stmt, each func(scanner) error, args ...any) error {
	return eachRow(t.ctx, t.stmt(stmt), each, args...)
}

// lookup is a query for rows by their keys: one statement for one key, and one for up to atOnce
// keys.
type lookup struct{ one, many *sql.Stmt }

// atOnce is how many keys a lookup takes. Missing ones are NULL, which no row has.
const atOnce = 16

// keys writes the parameters of n keys.
func keys(n int, key string) string { return strings.Repeat(key+", ", n-1) + key }

// eachOf looks up rows by keys; each key has width arguments.
func (t *transaction) eachOf(l lookup, each func(scanner) error, args []any, width int) error {
	for len(args) > 0 {
		query, n := l.one, width
		if len(args) > 2*width {
			query, n = l.many, atOnce*width
		}
		now := args[:min(n, len(args))]
		args = args[len(now):]
		if missing := n - len(now); missing > 0 {
			now = append(slices.Clip(now), make([]any, missing)...)
		}
		if err := t.each(query, each, now...); err != nil {
			return err
		}
	}
	return nil
}
