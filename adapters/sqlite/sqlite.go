// Package sqlite keeps rooms in one SQLite file: the store of a single node, durable without any
// other service.
//
// Writes go over one connection, one transaction for each batch, and are on the disk when they
// return (WAL with synchronous=FULL). Reads go over a pool of their own, and do not wait for
// writes. Several processes may use one file on a local disk. On a network file system SQLite's
// locks do not work.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	driver "modernc.org/sqlite"

	"github.com/parley-chat/parley/adapters/sqlite/joined"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/finding"
	"github.com/parley-chat/parley/ports"
)

// Config says where a store is and how it works.
type Config struct {
	// Path is the database's file. If it or its folder does not exist, it is made, for its owner
	// only. Beside it are two more files of SQLite while it is in use, a lock file of migrations,
	// and, with a Holder, a lock file of the service.
	Path string
	// Holder names the service that opens the file, for the error of others. Only one store with a
	// Holder can be open on a file at a time, because two services would not hear of each other's
	// writes; opening a second one fails with HeldError. The claim ends with the process at the
	// latest. Stores without a Holder, migrations and copies may use the file meanwhile, to inspect
	// or repair it.
	Holder string
	// Readers is how many reads go on at once. 0: two for each CPU, at least 4.
	Readers int
	// NoMigrate leaves the schema as it is. A schema that is too old is then an error of Open.
	NoMigrate bool

	vfs func() (name string, err error) // for writing; nil: joined.VFS
}

// Store is a log and a directory in a SQLite file.
type Store struct {
	path   string
	writer *sql.DB // one connection; only its holder writes
	reader *sql.DB
	w      writeStatements
	r      readStatements
	l      listStatements
	p      peopleStatements
	f      searchStatements
	claim  *claim // nil: no Holder
	files  files
	kept   *kept

	filters finding.Filters // of the search index
}

var (
	_ ports.Log       = (*Store)(nil)
	_ ports.Directory = (*Store)(nil)
	_ ports.Slots     = (*Store)(nil)
	_ ports.Checker   = (*Store)(nil)
)

// Open opens the store, and makes or migrates it if necessary. If several processes open it at
// once, one migrates while the others wait.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	s, err := open(ctx, cfg)
	if err != nil {
		return nil, failure(fmt.Errorf("open the store %s: %w", cfg.Path, err))
	}
	return s, nil
}

func open(ctx context.Context, cfg Config) (_ *Store, err error) {
	s := &Store{path: cfg.Path, kept: newKept()}
	s.files.path = cfg.Path
	if cfg.vfs == nil {
		cfg.vfs = joined.VFS
	}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	if cfg.Holder != "" {
		if cfg.Path, err = only(cfg.Path); err != nil {
			return nil, err
		}
		s.files.path = cfg.Path
		if s.claim, err = claimFile(ctx, cfg.Path, cfg.Holder); err != nil {
			return nil, err
		}
	}
	if s.writer, err = openWriter(ctx, cfg); err != nil {
		return nil, err
	}
	readers := cfg.Readers
	if readers <= 0 {
		readers = max(4, 2*runtime.GOMAXPROCS(0))
	}
	if s.reader, err = sql.Open("sqlite", dsn(cfg.Path, "query_only(1)", "cache_size(-8192)")); err != nil {
		return nil, err
	}
	s.reader.SetMaxOpenConns(readers)
	s.reader.SetMaxIdleConns(readers)
	if err := errors.Join(s.r.prepare(ctx, s.reader), s.w.prepare(ctx, s.writer),
		s.l.prepare(ctx, s.reader), s.p.prepare(ctx, s.reader, s.writer), s.f.prepare(ctx, s.reader, s.writer),
		s.r.consumerReads.prepare(ctx, s.reader), s.w.consumerWrites.prepare(ctx, s.writer)); err != nil || s.claim == nil {
		return s, err
	}
	err = s.vacate(ctx)
	return s, err
}

// openWriter opens the connection for writes. The file must exist and have the right schema.
func openWriter(ctx context.Context, cfg Config) (db *sql.DB, err error) {
	if err := makeFile(cfg.Path); err != nil {
		return nil, err
	}
	// To set the WAL mode of a new file, it must not be open elsewhere, as for migrations.
	err = alone(ctx, cfg.Path, func() error {
		db, err = openAlone(ctx, cfg)
		return err
	})
	return db, err
}

func openAlone(ctx context.Context, cfg Config) (*sql.DB, error) {
	fdatasync()
	vfs, err := cfg.vfs()
	if err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", dsn(cfg.Path,
		"journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)", "secure_delete(FAST)",
		"cache_size(-32768)", fmt.Sprintf("wal_autocheckpoint(%d)", checkpointAfter), "journal_size_limit(67108864)")+"&_txlock=immediate&vfs="+vfs)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	if err := prepare(ctx, db, cfg.NoMigrate); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// fdatasync makes commits wait for the file's data and size only, not for its times, which the file
// system would have to write elsewhere. Where the system has no such call, nothing changes.
var fdatasync = sync.OnceFunc(func() { _, _ = driver.Fdatasync(true) })

// checkpointAfter is how many pages the WAL takes, 16 MB, before they are copied into the file. A
// page that batches change again and again is then copied once for many batches.
const checkpointAfter = 4_000

// busyTimeout is how long a call waits for another process that writes, unless its context ends
// first.
const busyTimeout = 5 * time.Second

func dsn(path string, pragmas ...string) string {
	query := url.Values{"_pragma": append([]string{fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds())}, pragmas...)}
	return fileURL(path) + "?" + query.Encode()
}

func fileURL(path string) string { return "file:" + (&url.URL{Path: path}).EscapedPath() }

// makeFile makes the folder and an empty file, for their owner only, if they are missing: SQLite
// would let everybody read them. Its other files take the file's permissions. makeFile does not
// open an existing file: on POSIX systems closing it would release all locks of this process on it,
// those of other stores too.
func makeFile(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return file.Close()
}

// Close waits for the calls under way and closes the file. Entries that were acknowledged are safe
// even without it.
func (s *Store) Close() error {
	var errs []error
	for _, db := range []*sql.DB{s.reader, s.writer} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	if s.claim != nil {
		errs = append(errs, s.claim.Close())
	}
	return errors.Join(errs...)
}

// Check reads, and begins a write and rolls it back. It also fails if the disk is full.
func (s *Store) Check(ctx context.Context) error {
	check := func() error {
		var rooms int
		if err := s.r.check.QueryRowContext(ctx).Scan(&rooms); err != nil {
			return err
		}
		if err := s.tryBegin(ctx); err != nil {
			return err
		}
		return checkSpace(s.path)
	}
	return unavailable(ctx, check(), "check the store")
}

// tryBegin begins a write and rolls it back.
func (s *Store) tryBegin(ctx context.Context) error {
	return s.withWriter(ctx, func(conn *sql.Conn) error {
		tx, err := conn.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		return tx.Rollback()
	})
}

func noRoom() error { return chat.Errorf(chat.NotFound, "there is no such room") }
