package postgres

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/parley-chat/parley/core/chat"
)

// encoding is the encoding of all text that is sent to the server and received from it.
const encoding = "UTF8"

// checkEncoding checks the parameters that the server reports for a new connection. It costs no
// round trip.
func checkEncoding(_ context.Context, conn *pgconn.PgConn) error {
	if session := conn.ParameterStatus("client_encoding"); session != "" && session != encoding {
		return chat.Errorf(chat.Internal, "the session's client_encoding is %s, although UTF8 was requested: something between the store and the server changes it", session)
	}
	switch database := conn.ParameterStatus("server_encoding"); database {
	case "", encoding, sqlASCII:
		return nil
	default:
		return chat.Errorf(chat.Internal, "the database's encoding is %s, which lacks characters that users send, and its text may hold bytes of another encoding: make a database with "+
			"CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0 and move over, as the runbook says", database)
	}
}

// sqlASCII means that there is no encoding: the server keeps bytes as they come, and so UTF-8 too.
const sqlASCII = "SQL_ASCII"

var errASCII = errors.New("the database's encoding is SQL_ASCII: the server does not check text, and other programs may write text that is not UTF-8; " +
	"make it UTF8 when you move it the next time")

var errPooled = errors.New("a pooler answers at the store's URL, and does not accept session settings: the store works with default_query_exec_mode=exec and " +
	"without migrations, as with PARLEY_MIGRATE=false. Set default_query_exec_mode=exec in the URL to start faster, and give the pooler's role statement_timeout and " +
	"idle_in_transaction_session_timeout")

// sight is what look finds at a URL.
type sight struct {
	pooled bool // a pooler answers, and does not pass on the store's session settings
	ascii  bool // the database's encoding is SQL_ASCII
}

// look connects once to see what is there.
func (c Config) look(ctx context.Context, config *pgx.ConnConfig) (seen sight, err error) {
	conn, err := pgx.ConnectConfig(ctx, config)
	if config.DefaultQueryExecMode == pgx.QueryExecModeCacheStatement && isUnsupported(err) {
		return sight{pooled: true}, nil
	}
	if err != nil {
		return seen, err
	}
	defer conn.Close(ctx) // it only asked
	// One by one, so that a pooler sees an open transaction.
	for _, statement := range []string{"BEGIN", "ROLLBACK"} {
		if _, err := conn.PgConn().Exec(ctx, statement).ReadAll(); isByStatement(err) {
			return seen, errByStatement
		} else if err != nil {
			return seen, err
		}
	}
	if spread, err := isDistributed(ctx, conn.PgConn()); err != nil {
		return seen, err
	} else if spread && !c.distributed() {
		return seen, errDistributed
	}
	seen.ascii = conn.PgConn().ParameterStatus("server_encoding") == sqlASCII
	const asked = "enable_seqscan"
	results, err := conn.PgConn().Exec(ctx, "SHOW "+asked).ReadAll()
	if err != nil || len(results) != 1 || len(results[0].Rows) != 1 {
		return seen, err
	}
	seen.pooled = config.RuntimeParams[asked] == "off" && string(results[0].Rows[0][0]) != "off"
	return seen, nil
}

// isDistributed reports whether Citus is in the database, and distributes the rooms.
func isDistributed(ctx context.Context, conn *pgconn.PgConn) (bool, error) {
	for _, question := range []string{
		`SELECT 1 WHERE to_regclass('pg_dist_partition') IS NOT NULL`,
		`SELECT 1 FROM pg_dist_partition WHERE logicalrelid = to_regclass('room')`,
	} {
		answers, err := conn.Exec(ctx, question).ReadAll()
		if err != nil || len(answers) != 1 || len(answers[0].Rows) == 0 {
			return false, err
		}
	}
	return true, nil
}

var errDistributed = chat.Errorf(chat.Internal, "Citus distributes the table room, and plainly spoken to it does not keep the lock on a room's row until the transaction ends, so two nodes "+
	"may give one number to two entries: add engine=distributed to the store's URL, or undo it with SELECT undistribute_table('room'), and the same for each other table. "+
	"To use several servers without Citus, list their URLs in PARLEY_STORE_URL")

var errOneEngine = chat.Errorf(chat.Invalid, "engine=distributed is for one database that distributes its tables by itself: it does not go with several URLs, or with parley shards")

var errByStatement = chat.Errorf(chat.Internal, "a pooler in between is in statement mode, and the store needs transactions: set the pooler's pool_mode to "+
	"transaction or session, or have the store's URL lead to the server itself")

// isByStatement reports whether a pooler refused a transaction, as PgBouncer does with
// pool_mode=statement.
func isByStatement(err error) bool {
	refused, ok := errors.AsType[*pgconn.PgError](err)
	return ok && refused.Code == "08P01" && strings.Contains(refused.Message, "transaction blocks not allowed")
}

// tooOld adds to the error of a schema that is too old how to migrate if a pooler is in between.
func tooOld(err error, pooled bool) error {
	if !pooled || !errors.Is(err, chat.Conflict) {
		return err
	}
	return chat.Errorf(chat.Conflict, "%s, with a URL of the server itself, as a pooler is in between; and start again", chat.AsError(err).Reason)
}

// isUnsupported reports whether a pooler refused a connection because of a setting that it does not
// know.
func isUnsupported(err error) bool {
	refused, ok := errors.AsType[*pgconn.PgError](err)
	return ok && refused.Code == "08P01" && strings.Contains(refused.Message, "unsupported startup parameter")
}
