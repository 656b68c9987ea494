package sqlite

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/finding"
	"github.com/parley-chat/parley/ports"
)

var _ ports.SearchIndex = (*Store)(nil)

// searchStatements are the statements for the search index, prepared once.
type searchStatements struct {
	manifests, public, one, several, filters, times                *sql.Stmt // of the readers' pool
	manifest, made, load, drop, putPiece, sweep, putFilter, putRow *sql.Stmt // of the writer's connection
}

// CROSS JOIN keeps the order of the tables. Another order would read whole tables.
const (
	manifestsQuery = `
		SELECT r.id, r.number, f.blocks, f.filters FROM json_each(?1) a CROSS JOIN room r ON r.id = a.value CROSS JOIN found f ON f.room = r.number`

	// At most so many public rooms are looked at to find those that were active last.
	publicManifestsQuery = `
		SELECT r.id, r.number, f.blocks, f.filters
		FROM (SELECT number, id, last_at FROM room INDEXED BY room_public WHERE public LIMIT 50000) r CROSS JOIN found f ON f.room = r.number
		ORDER BY r.last_at DESC LIMIT ?1`

	// Each value of ?1 is a room's number and a block in one number: see unitOf.
	pieceQuery = `
		SELECT a.key, (SELECT p.data FROM found_piece p
			WHERE p.room = a.value >> 32 AND p.block = a.value & 0xffffffff AND p.key <= ?2 ORDER BY p.key DESC LIMIT 1)
		FROM json_each(?1) a`

	piecesQuery = `
		SELECT a.key, p.data FROM json_each(?1) a CROSS JOIN found_piece p
		ON p.room = a.value >> 32 AND p.block = a.value & 0xffffffff AND p.key < ?3 AND p.key >= coalesce((SELECT q.key FROM found_piece q
			WHERE q.room = a.value >> 32 AND q.block = a.value & 0xffffffff AND q.key <= ?2 ORDER BY q.key DESC LIMIT 1), ?2)`

	filtersQuery = `
		SELECT a.key, f.data FROM json_each(?1) a CROSS JOIN found_filter f ON f.unit = a.value`

	// Each of ?1 is a room's number and a seq.
	timesQuery = `
		SELECT a.key, e.at FROM json_each(?1) a CROSS JOIN entry e ON e.room = a.value ->> 0 AND e.seq = a.value ->> 1`
)

func (q *searchStatements) prepare(ctx context.Context, reader, writer *sql.DB) error {
	if err := prepareAll(ctx, reader, map[**sql.Stmt]string{
		&q.manifests: manifestsQuery, &q.public: publicManifestsQuery, &q.one: pieceQuery, &q.several: piecesQuery, &q.filters: filtersQuery, &q.times: timesQuery,
	}); err != nil {
		return err
	}
	return prepareAll(ctx, writer, map[**sql.Stmt]string{
		&q.manifest: `
			SELECT r.id, r.number, coalesce(f.blocks, x''), coalesce(f.filters, x'') FROM json_each(?1) a CROSS JOIN room r ON r.id = a.value LEFT JOIN found f ON f.room = r.number`,
		&q.made:     timesQuery,
		&q.load:     `SELECT key, data FROM found_piece WHERE room = ? AND block = ? ORDER BY key`,
		&q.drop:     `DELETE FROM found_piece WHERE room = ? AND block = ?`,
		&q.putPiece: `INSERT INTO found_piece (room, block, key, data) VALUES (?, ?, ?, ?)`,
		&q.sweep:    `DELETE FROM found_filter WHERE unit BETWEEN ?1 << 32 AND ?1 << 32 | 0xffffffff AND unit NOT IN (SELECT value FROM json_each(?2))`,
		&q.putFilter: `
			INSERT INTO found_filter (unit, data) VALUES (?, ?) ON CONFLICT DO UPDATE SET data = excluded.data`,
		&q.putRow: `
			INSERT INTO found (room, blocks, filters) VALUES (?, ?, ?)
			ON CONFLICT DO UPDATE SET blocks = excluded.blocks, filters = excluded.filters`,
	})
}

// Index implements ports.SearchIndex. Its commit does not wait for the disk: see writeSoon.
func (s *Store) Index(ctx context.Context, docs []ports.SearchDoc) error {
	if len(docs) == 0 {
		return nil
	}
	return s.writeSoon(ctx, "index messages", func(tx *transaction) error {
		rooms, err := s.dated(tx, docs)
		if err != nil {
			return err
		}
		for number, r := range rooms {
			if err := s.indexRoom(tx, number, r); err != nil {
				return err
			}
		}
		return nil
	})
}

// indexed is a room with the documents that are to be put into its index.
type indexed struct {
	manifest finding.Manifest
	docs     []finding.Doc
}

// dated returns the documents with the times of their messages, by the numbers of their rooms.
// Documents without a message are left out.
func (s *Store) dated(tx *transaction, docs []ports.SearchDoc) (map[int64]*indexed, error) {
	ids, rooms, numbers := make([]chat.RoomID, len(docs)), map[int64]*indexed{}, map[chat.RoomID]int64{}
	for i := range docs {
		ids[i] = docs[i].Room
	}
	slices.Sort(ids)
	if err := tx.each(s.f.manifest, func(scan scanner) (err error) {
		var id chat.RoomID
		var number int64
		var blocks, filters []byte
		if err := scan(&id, &number, &blocks, &filters); err != nil {
			return err
		}
		numbers[id], rooms[number] = number, &indexed{}
		rooms[number].manifest, err = finding.ParseManifest(blocks, filters)
		return err
	}, list(slices.Compact(ids))); err != nil {
		return nil, err
	}
	places := make([][2]int64, len(docs))
	for i, d := range docs {
		places[i] = [2]int64{numbers[d.Room], int64(d.Seq)}
	}
	return rooms, tx.each(s.f.made, func(scan scanner) error {
		var i int
		var at int64
		err := scan(&i, &at)
		r := rooms[places[i][0]]
		r.docs = append(r.docs, finding.Doc{Seq: docs[i].Seq, At: stamp(at), Tokens: docs[i].Tokens})
		return err
	}, list(places))
}

// indexRoom puts documents into a room's index.
func (s *Store) indexRoom(tx *transaction, number int64, r *indexed) error {
	plan := finding.NewPlan(r.manifest, r.docs)
	pieces := map[int64][]finding.Piece{}
	for _, block := range plan.Needs() {
		if err := tx.each(s.f.load, func(scan scanner) error {
			var p finding.Piece
			err := scan(&p.Key, &p.Data)
			pieces[block] = append(pieces[block], p)
			return err
		}, number, block); err != nil {
			return err
		}
	}
	change, err := plan.Change(pieces)
	if err != nil || change.Empty() {
		return err
	}
	return s.saveFound(tx, number, &change)
}

func (s *Store) saveFound(tx *transaction, number int64, change *finding.Change) error {
	for _, block := range change.Dropped {
		if err := tx.exec(s.f.drop, number, block); err != nil {
			return err
		}
	}
	for _, made := range change.Made {
		for _, p := range made.Pieces {
			if err := tx.exec(s.f.putPiece, number, made.ID, p.Key, p.Data); err != nil {
				return err
			}
		}
	}
	if err := s.saveFilters(tx, number, change); err != nil {
		return err
	}
	return tx.exec(s.f.putRow, number, blob(change.Manifest.Bytes()), blob(change.Manifest.Beside()))
}

// saveFilters saves filters that are rows of their own.
func (s *Store) saveFilters(tx *transaction, number int64, change *finding.Change) error {
	if change.Sweeps {
		stay := []int64{} // not nil, which is no list
		for _, block := range change.Manifest.Apart() {
			stay = append(stay, unitOf(number, block))
		}
		if err := tx.exec(s.f.sweep, number, list(stay)); err != nil {
			return err
		}
	}
	for _, f := range change.Filters {
		if err := tx.exec(s.f.putFilter, unitOf(number, f.ID), []byte(f.Filter)); err != nil {
			return err
		}
	}
	return nil
}

// blob returns data, or an empty blob for nil, which would be stored as NULL.
func blob(data []byte) []byte {
	if data == nil {
		return []byte{}
	}
	return data
}

// Find implements ports.SearchIndex.
func (s *Store) Find(ctx context.Context, query ports.FindQuery) ([]ports.FoundMessage, error) {
	return finding.Apart(ctx, query, s.find)
}

func (s *Store) find(ctx context.Context, query ports.FindQuery) (list []ports.FoundMessage, err error) {
	err = s.view(ctx, "search", func(tx *transaction) error {
		list, err = finding.Find(ctx, &foundRows{s, tx, map[chat.RoomID]int64{}}, &s.filters, query)
		return err
	})
	return list, err
}

// foundRows are the rows of the index in a transaction.
type foundRows struct {
	*Store
	tx      *transaction
	numbers map[chat.RoomID]int64
}

// Manifests implements finding.Rows.
func (r *foundRows) Manifests(_ context.Context, q *ports.FindQuery, tell func(room chat.RoomID, blocks, beside []byte) error) error {
	var id chat.RoomID
	var number int64
	var blocks, beside sql.RawBytes
	add := func(scan scanner) error {
		if err := scan(&id, &number, &blocks, &beside); err != nil {
			return err
		}
		if _, told := r.numbers[id]; told {
			return nil
		}
		r.numbers[id] = number
		return tell(id, blocks, beside)
	}
	if q.Public {
		for _, id := range q.But {
			r.numbers[id] = 0 // not to be told
		}
		if err := r.tx.each(r.f.public, add, ports.MaxFindRooms+len(q.But)); err != nil {
			return err
		}
		for _, id := range q.But {
			delete(r.numbers, id)
		}
	}
	return r.tx.each(r.f.manifests, add, list(q.Rooms))
}

// unitOf returns a room's number and a block as one number. A statement reads that faster than a
// list of two. There are fewer than 2³¹ rooms, and a room makes at most one block with each write.
func unitOf(room, block int64) int64 { return room<<32 | block }

func (r *foundRows) units(blocks []finding.BlockPlace) string {
	units := make([]int64, len(blocks))
	for i, b := range blocks {
		units[i] = unitOf(r.numbers[b.Room], b.Block)
	}
	return list(units)
}

// Pieces implements finding.Rows.
func (r *foundRows) Pieces(_ context.Context, blocks []finding.BlockPlace, from, to []byte, tell func(block int, data []byte) error) error {
	var i int
	var data sql.RawBytes
	add := func(scan scanner) error {
		if err := scan(&i, &data); err != nil || data == nil {
			return err
		}
		return tell(i, data)
	}
	if to == nil {
		return r.tx.each(r.f.one, add, r.units(blocks), from)
	}
	return r.tx.each(r.f.several, add, r.units(blocks), from, to)
}

// Filters implements finding.Rows.
func (r *foundRows) Filters(_ context.Context, blocks []finding.BlockPlace) ([]finding.Filter, error) {
	all := make([]finding.Filter, len(blocks))
	return all, r.tx.each(r.f.filters, func(scan scanner) error {
		var i int
		var data []byte
		err := scan(&i, &data)
		all[i] = data
		return err
	}, r.units(blocks))
}

// Times implements finding.Rows.
func (r *foundRows) Times(_ context.Context, messages []finding.Place) ([]time.Time, error) {
	places := make([][2]int64, len(messages))
	for i, m := range messages {
		places[i] = [2]int64{r.numbers[m.Room], int64(m.Seq)}
	}
	all := make([]time.Time, len(messages))
	return all, r.tx.each(r.f.times, func(scan scanner) error {
		var i int
		var at int64
		err := scan(&i, &at)
		all[i] = stamp(at)
		return err
	}, list(places))
}
