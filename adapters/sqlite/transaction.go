package sqlite

import (
	"context"
	"database/sql"
)

// write runs do in one transaction, which is durable when write returns nil.
func (s *Store) write(ctx context.Context, what string, do func(tx *transaction) error) error {
	tx, err := s.writer.BeginTx(ctx, nil)
	if err != nil {
		return within(ctx, err, what)
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing to roll back; else the first error counts
	// The transaction itself watches ctx. Its statements take microseconds: a watch for each would cost more than they do.
	if err := do(&transaction{ctx: context.WithoutCancel(ctx), tx: tx, own: map[*sql.Stmt]*sql.Stmt{}}); err != nil {
		return within(ctx, err, what)
	}
	return within(ctx, tx.Commit(), what)
}

// view runs do in one read transaction: all that it reads is of one moment.
func (s *Store) view(ctx context.Context, what string, do func(tx *transaction) error) error {
	tx, err := s.reader.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return within(ctx, err, what)
	}
	defer tx.Rollback() //nolint:errcheck // it only read
	return within(ctx, do(&transaction{ctx: ctx, tx: tx, own: map[*sql.Stmt]*sql.Stmt{}}), what)
}

// transaction runs prepared statements. It holds a context because it lives within the one call that the context is of.
type transaction struct {
	ctx context.Context
	tx  *sql.Tx
	own map[*sql.Stmt]*sql.Stmt // the statements that were used, as this transaction's own
}

// stmt returns a statement as the transaction's own, which ends with it.
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

func (t *transaction) row(stmt *sql.Stmt, args ...any) *sql.Row {
	return t.stmt(stmt).QueryRowContext(t.ctx, args...) //nolint:sqlclosecheck // it ends with the transaction
}

func (t *transaction) each(stmt *sql.Stmt, each func(scanner) error, args ...any) error {
	return eachRow(t.ctx, t.stmt(stmt), each, args...)
}
