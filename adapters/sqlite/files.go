package sqlite

import (
	"database/sql"
	"errors"
	"os"

	"github.com/parley-chat/parley/core/chat"
)

// files are the store's file and its WAL, as the writer's connection has them open. If somebody
// puts another file in the place of one of them, the connection goes on with the one that has no
// name any more, and what it writes is lost when it ends. Only the holder of the connection uses
// it.
type files struct {
	path      string
	conn      any         // the driver's connection
	main, wal os.FileInfo // nil: not seen yet
}

var errReplaced = errors.New("the file, or its -wal, was removed or replaced while the service uses it: " +
	"stop the service, restore the file as the runbook says, and start again")

// inPlace fails if the files that the writer's connection has open are not in their place any more.
func (s *Store) inPlace(conn *sql.Conn) error {
	of, err := rawOf(conn)
	if err != nil {
		return err
	}
	f := &s.files
	if of != f.conn {
		f.conn, f.main, f.wal = of, nil, nil
	}
	return f.check()
}

func (f *files) check() error {
	main, err := os.Stat(f.path)
	if err != nil && f.main == nil {
		return err
	}
	if f.main == nil {
		f.main = main
	}
	// As long as a connection is open, SQLite leaves the WAL where it is.
	wal, failed := os.Stat(f.path + "-wal")
	if f.wal == nil && failed == nil {
		f.wal = wal
	}
	if err != nil || !os.SameFile(main, f.main) || f.wal != nil && (failed != nil || !os.SameFile(wal, f.wal)) {
		return chat.Wrap(chat.Unavailable, errReplaced, f.path)
	}
	return nil
}
