package joined_test

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	_ "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/parley-chat/parley/adapters/sqlite/joined"
	"github.com/parley-chat/parley/adapters/sqlite/joined/joinedtest"
)

// over returns a disk, and the name of a joined VFS that writes to it.
func over(t *testing.T) (*joinedtest.Disk, string) {
	t.Helper()
	disk, err := joinedtest.New()
	if err != nil {
		t.Fatal(err)
	}
	name := disk.Name + "-joined"
	if err := joined.Register(name, disk.Name); err != nil {
		t.Fatal(err)
	}
	return disk, name
}

// database is one connection to a table of numbers. Each row has most of a page.
type database struct {
	*testing.T
	*sql.Conn
}

// open opens a connection, over the default VFS if vfs is empty.
func open(t *testing.T, path, vfs string, pragmas ...string) database {
	t.Helper()
	name := path
	if vfs != "" {
		name = "file:" + path + "?vfs=" + vfs
	}
	db, err := sql.Open("sqlite", name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d := database{t, conn}
	t.Cleanup(func() { _ = conn.Close() })
	for _, pragma := range append([]string{"journal_mode=WAL"}, pragmas...) {
		d.must("PRAGMA " + pragma)
	}
	d.must("CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, n INTEGER, filling BLOB)")
	return d
}

func (d database) do(statement string, args ...any) error {
	_, err := d.ExecContext(context.WithoutCancel(d.Context()), statement, args...)
	return err
}

func (d database) must(statement string, args ...any) {
	d.Helper()
	if err := d.do(statement, args...); err != nil {
		d.Fatalf("%s: %v", statement, err)
	}
}

// put sets the rows from id on to n, by one statement. If that fails with SQLITE_FULL, the
// transaction may go on without it.
func (d database) put(id, rows, n int) error {
	return d.do(`
		WITH RECURSIVE ids (id) AS (SELECT ?1 UNION ALL SELECT id + 1 FROM ids WHERE id + 1 < ?1 + ?2)
		INSERT INTO t SELECT id, ?3, zeroblob(3000) FROM ids WHERE true ON CONFLICT (id) DO UPDATE SET n = ?3`, id, rows, n)
}

// rows returns all numbers, after it has checked the file from end to end.
func (d database) rows() map[int]int {
	d.Helper()
	var verdict string
	if err := d.QueryRowContext(d.Context(), "PRAGMA integrity_check").Scan(&verdict); err != nil || verdict != "ok" {
		d.Fatalf("integrity check: %s, %v", verdict, err)
	}
	rows, err := d.QueryContext(d.Context(), "SELECT id, n FROM t")
	if err != nil {
		d.Fatal(err)
	}
	defer rows.Close()
	is := map[int]int{}
	for rows.Next() {
		var id, n int
		if err := rows.Scan(&id, &n); err != nil {
			d.Fatal(err)
		}
		is[id] = n
	}
	if err := rows.Err(); err != nil {
		d.Fatal(err)
	}
	return is
}

func TestACommitIsFewWrites(t *testing.T) {
	t.Parallel()
	disk, vfs := over(t)
	db := open(t, filepath.Join(t.TempDir(), "db"), vfs, "synchronous=FULL", "wal_autocheckpoint=0")
	for _, c := range []struct{ rows, atMost int }{{1, 2}, {20, 1}, {28, 1}, {100, 5}} {
		for range 2 { // the first time makes the rows
			before, _ := disk.Writes()
			db.must("BEGIN")
			if err := db.put(0, c.rows, 1); err != nil {
				t.Fatal(err)
			}
			db.must("COMMIT")
			after, _ := disk.Writes()
			if got := after - before; got > c.atMost+c.rows/20 {
				t.Errorf("a commit of %d pages took %d writes, want %d", c.rows, got, c.atMost)
			}
		}
	}
}

// TestWhateverHappensACommitIsThereAndNothingElse has a writer that spills, rolls back, changes
// what it has spilled, and meets errors of the disk. Another connection, which does not join
// writes, reads after each transaction and writes between them.
func TestWhateverHappensACommitIsThereAndNothingElse(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			disk, vfs := over(t)
			path := filepath.Join(t.TempDir(), "db")
			writer := open(t, path, vfs, "synchronous=FULL", "cache_size=8", "wal_autocheckpoint=150")
			other := open(t, path, "", "synchronous=FULL", "wal_autocheckpoint=0")
			draw := rand.New(rand.NewPCG(seed, 7))
			story := story{draw: draw, db: writer, disk: disk, is: map[int]int{}, faults: seed%2 == 0}
			for range 100 {
				if draw.IntN(8) == 0 {
					writer.must(fmt.Sprint("PRAGMA synchronous = ", []string{"FULL", "NORMAL"}[draw.IntN(2)]))
				}
				story.transaction()
				if got := other.rows(); !maps.Equal(got, story.is) {
					t.Fatalf("there are %v, want %v", got, story.is)
				}
				if draw.IntN(3) == 0 {
					id, n := draw.IntN(60), draw.Int()
					if err := other.put(id, 1, n); err != nil {
						t.Fatal(err)
					}
					story.is[id] = n
				}
			}
			if story.failed == 0 && story.faults {
				t.Error("nothing failed")
			}
			t.Logf("%d transactions failed, of which %d were committed without what failed; %d were rolled back", story.failed, story.on, story.back)
		})
	}
}

// story is a sequence of random transactions.
type story struct {
	draw         *rand.Rand
	db           database
	disk         *joinedtest.Disk
	is           map[int]int // what is committed
	faults       bool
	failed, back int
	on           int                    // transactions that were committed after a statement had failed
	begins       func(next map[int]int) // a commit of next begins; may be nil
}

// transaction makes up to 40 changes, in savepoints some of them, and commits or rolls back.
func (s *story) transaction() {
	if s.faults && s.draw.IntN(4) == 0 {
		s.fail(s.draw.IntN(40))
	}
	next := maps.Clone(s.is)
	err := s.changes(next)
	if err == nil {
		err = s.end(next)
	}
	s.disk.Before(nil)
	if err != nil {
		if s.failed++; !s.faults {
			s.db.Fatal(err)
		}
		// SQLite may have rolled back already. If not, what succeeded counts.
		if s.draw.IntN(2) == 0 && s.db.do("COMMIT") == nil {
			s.on++
			s.is = next
		}
		_ = s.db.do("ROLLBACK")
	}
}

func (s *story) changes(next map[int]int) error {
	if err := s.db.do("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	for range s.draw.IntN(40) {
		saved := maps.Clone(next)
		within := s.draw.IntN(4) == 0
		if within {
			if err := s.db.do("SAVEPOINT s"); err != nil {
				return err
			}
		}
		for range 1 + s.draw.IntN(4) {
			if s.faults && s.draw.IntN(30) == 0 {
				s.fail(s.draw.IntN(2))
			}
			id, rows, n := s.draw.IntN(60), 1+s.draw.IntN(6), s.draw.Int()
			if err := s.db.put(id, rows, n); err != nil {
				return err
			}
			for i := range rows {
				next[id+i] = n
			}
		}
		if !within {
			continue
		}
		if s.draw.IntN(2) == 0 {
			if err := s.db.do("ROLLBACK TO s"); err != nil {
				return err
			}
			clear(next)
			maps.Copy(next, saved)
		}
		if err := s.db.do("RELEASE s"); err != nil {
			return err
		}
	}
	return nil
}

func (s *story) end(next map[int]int) error {
	if s.draw.IntN(3) == 0 {
		s.back++
		return s.db.do("ROLLBACK")
	}
	if s.begins != nil {
		s.begins(next)
	}
	err := s.db.do("COMMIT")
	if err == nil {
		s.is = next
	}
	return err
}

// fail lets a write or a sync of the WAL fail, and some after it.
func (s *story) fail(after int) {
	left := 1 + s.draw.IntN(3)
	s.disk.Before(func(op joinedtest.Op) (int, int32) {
		if !op.WAL || op.Act != joinedtest.Write && op.Act != joinedtest.Sync || left == 0 {
			return 0, lib.SQLITE_OK
		}
		if after > 0 {
			after--
			return 0, lib.SQLITE_OK
		}
		left--
		switch {
		case op.Act == joinedtest.Sync:
			return 0, lib.SQLITE_IOERR_FSYNC
		case s.draw.IntN(2) == 0:
			return s.draw.IntN(len(op.Data)), lib.SQLITE_FULL
		}
		return s.draw.IntN(len(op.Data)), lib.SQLITE_IOERR_WRITE
	})
}

// TestACrashLosesNoCommit kills the process or cuts the power at random moments. In the latter case
// any part of what was written and not synced may be on the disk. With synchronous=NORMAL, commits
// are safe from the former only.
func TestACrashLosesNoCommit(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			disk, vfs := over(t)
			draw := rand.New(rand.NewPCG(seed, 11))
			medium := &medium{draw: draw, chance: -1, kills: seed%2 == 0}
			disk.Before(medium.sees)
			synchronous := map[bool]string{true: "NORMAL", false: "FULL"}[medium.kills]
			db := open(t, filepath.Join(t.TempDir(), "db"), vfs, "synchronous="+synchronous, "cache_size=8", "wal_autocheckpoint=100")
			story := story{draw: draw, db: db, disk: disk, is: map[int]int{}}
			story.begins = func(next map[int]int) { medium.next = next }
			for range 40 {
				medium.is, medium.next, medium.chance = story.is, nil, 1+draw.IntN(80)
				disk.Before(medium.sees)
				story.transaction()
				medium.is, medium.next = story.is, nil
				medium.crash()
			}
			for _, image := range medium.images {
				image.check(t)
			}
		})
	}
}

// medium knows what of a database and its WAL a crash leaves.
type medium struct {
	draw    *rand.Rand
	chance  int  // of a crash during an act, 1 in so many; -1: none
	kills   bool // the machine never stops
	durable [2][]byte
	pending [2][]change
	is      map[int]int // what is committed
	next    map[int]int // what is being committed
	images  []image
}

// change is a write; data is nil for the end of the file.
type change struct {
	at   int64
	data []byte
}

func (c change) on(file []byte) []byte {
	if c.data == nil {
		return append(file, make([]byte, max(0, int(c.at)-len(file)))...)[:c.at]
	}
	file = append(file, make([]byte, max(0, int(c.at)+len(c.data)-len(file)))...)
	copy(file[c.at:], c.data)
	return file
}

func (m *medium) sees(op joinedtest.Op) (int, int32) {
	which := 0
	if op.WAL {
		which = 1
	}
	switch op.Act {
	case joinedtest.Write:
		m.pending[which] = append(m.pending[which], change{op.At, slices.Clone(op.Data)})
	case joinedtest.Truncate:
		m.pending[which] = append(m.pending[which], change{at: op.At})
	case joinedtest.Sync:
		for _, c := range m.pending[which] {
			m.durable[which] = c.on(m.durable[which])
		}
		m.pending[which] = nil
	}
	if m.chance > 0 && m.draw.IntN(m.chance) == 0 {
		m.crash()
	}
	return 0, lib.SQLITE_OK
}

// image is what a crash left, and what must be in it: one of some states.
type image struct {
	files [2][]byte
	may   []map[int]int
}

func (m *medium) crash() {
	left := image{may: []map[int]int{m.is}}
	if m.next != nil {
		left.may = append(left.may, m.next)
	}
	all := m.kills || m.draw.IntN(3) == 0 // the process was killed, and the machine stands
	for i := range left.files {
		file := slices.Clone(m.durable[i])
		for _, c := range m.pending[i] {
			switch kept := m.draw.IntN(3); {
			case all || kept == 0:
				file = c.on(file)
			case kept == 1 && len(c.data) > 512: // some sectors of it
				from := m.draw.IntN(len(c.data)/512) * 512
				to := from + m.draw.IntN((len(c.data)-from)/512+1)*512
				file = change{c.at + int64(from), c.data[from:to:to]}.on(file)
			}
		}
		left.files[i] = file
	}
	m.images = append(m.images, left)
}

func (i image) check(t *testing.T) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "left")
	for n, suffix := range []string{"", "-wal"} {
		if err := os.WriteFile(path+suffix, i.files[n], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got := open(t, path, "", "synchronous=OFF").rows()
	if !slices.ContainsFunc(i.may, func(may map[int]int) bool { return maps.Equal(got, may) }) {
		t.Fatalf("after a crash there are %v, want one of %v", got, i.may)
	}
}
