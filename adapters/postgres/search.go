package postgres

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/finding"
	"github.com/parley-chat/parley/ports"
)

var _ ports.SearchIndex = (*Store)(nil)

const (
	// A transaction that writes the index of a room locks its row. All take these locks in the
	// order of the rooms.
	openFoundStatement = `
INSERT INTO found (room_id, blocks)
SELECT r.room_id, '' FROM room r WHERE r.room_id = ANY($1::text[])/*in r.room_id*/ AND NOT EXISTS (SELECT FROM found f WHERE f.room_id = r.room_id/*in f.room_id*/)
ORDER BY r.room_id
ON CONFLICT (room_id) DO NOTHING`

	lockFoundQuery = `
SELECT room_id, blocks, filters FROM found WHERE room_id = ANY($1::text[])/*in room_id*/ ORDER BY room_id FOR UPDATE`

	blocksQuery = `
SELECT p.room_id, p.block, p.key, p.data
FROM unnest($1::text[], $2::bigint[]) a (room_id, block) JOIN found_piece p ON p.room_id = a.room_id/*in p.room_id*/ AND p.block = a.block
ORDER BY p.room_id, p.block, p.key`

	dropBlocksStatement = `
DELETE FROM found_piece p USING unnest($1::text[], $2::bigint[]) AS a (room_id, block) WHERE p.room_id = a.room_id/*in p.room_id*/ AND p.block = a.block`

	putPiecesStatement = `
INSERT INTO found_piece (room_id, block, key, data) 
SELECT /*here*/room_id, block, key, data FROM unnest($1::text[], $2::bigint[], $3::bytea[], $4::bytea[]) AS p (room_id, block, key, data)/*and here*/`

	// Rows stay for the blocks $2 and $3.
	sweepFiltersStatement = `
DELETE FROM found_filter f USING unnest($1::text[]) AS a (room_id)
WHERE f.room_id = a.room_id/*in f.room_id*/ AND NOT EXISTS (SELECT FROM unnest($2::text[], $3::bigint[]) AS s (room_id, block) WHERE s.room_id = f.room_id AND s.block = f.block)`

	putFiltersStatement = `
INSERT INTO found_filter (room_id, block, data) 
SELECT /*here*/room_id, block, data FROM unnest($1::text[], $2::bigint[], $3::bytea[]) AS p (room_id, block, data)/*and here*/
ON CONFLICT (room_id, block) DO UPDATE SET data = excluded.data`

	putFoundStatement = `
UPDATE found f SET blocks = a.blocks, filters = a.filters
FROM unnest($1::text[], $2::bytea[], $3::bytea[]) AS a (room_id, blocks, filters) WHERE f.room_id = a.room_id/*in f.room_id*/`

	manifestsQuery = `
SELECT room_id, blocks, filters FROM found WHERE room_id = ANY($1::text[])`

	// At most so many public rooms are looked at to find those that were active last.
	publicManifestsQuery = `
SELECT f.room_id, f.blocks, f.filters
FROM (SELECT room_id, last_at FROM room WHERE public/*own room_id*/ LIMIT 50000) r JOIN found f ON f.room_id = r.room_id
ORDER BY r.last_at DESC LIMIT $1`

	pieceQuery = `
SELECT a.n, f.data
FROM unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS a (room_id, block, n) CROSS JOIN LATERAL (
  SELECT p.data FROM found_piece p WHERE p.room_id = a.room_id/*in p.room_id*/ AND p.block = a.block AND p.key <= $3::bytea ORDER BY p.key DESC LIMIT 1
) f`

	piecesQuery = `
SELECT a.n, p.data
FROM (
  SELECT a.n, a.room_id, a.block, coalesce((
    SELECT q.key FROM found_piece q WHERE q.room_id = a.room_id/*in q.room_id*/ AND q.block = a.block AND q.key <= $3::bytea ORDER BY q.key DESC LIMIT 1
  ), $3::bytea) AS key
  FROM unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS a (room_id, block, n) OFFSET 0
) a JOIN found_piece p ON p.room_id = a.room_id/*in p.room_id*/ AND p.block = a.block AND p.key >= a.key AND p.key < $4::bytea
ORDER BY a.n, p.key`

	filtersQuery = `
SELECT a.n, f.data
FROM unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS a (room_id, block, n) CROSS JOIN LATERAL (
  SELECT f.data FROM found_filter f WHERE f.room_id = a.room_id/*in f.room_id*/ AND f.block = a.block LIMIT 1
) f`

	timesQuery = `
SELECT a.n, e.at
FROM unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS a (room_id, seq, n) JOIN entry e ON e.room_id = a.room_id/*in e.room_id*/ AND e.seq = a.seq`
)

// Index implements ports.SearchIndex. Its commit does not wait for the disk. The server writes its
// log in order. So if a later commit of the caller is durable, this one is too.
func (s *Store) Index(ctx context.Context, docs []ports.SearchDoc) error {
	if len(docs) == 0 {
		return nil
	}
	if room := func(i int) chat.RoomID { return docs[i].Room }; s.apart(len(docs), room) {
		return s.eachRoom(ctx, len(docs), room, func(ctx context.Context, part *ofRoom) error { return s.Index(ctx, pick(docs, part.places)) })
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	err := pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
		plans, err := s.planFound(ctx, tx, docs)
		if err != nil {
			return err
		}
		pieces, err := s.loadBlocks(ctx, tx, plans)
		if err != nil {
			return err
		}
		return s.saveFound(ctx, tx, plans, pieces)
	})
	return failure(ctx, err, "index messages")
}

// planFound locks the rooms' rows, and plans how the documents are put into the index.
func (s *Store) planFound(ctx context.Context, tx pgx.Tx, docs []ports.SearchDoc) (map[chat.RoomID]finding.Plan, error) {
	rooms, seqs := make([]string, len(docs)), make([]int64, len(docs))
	for i := range docs {
		rooms[i], seqs[i] = string(docs[i].Room), int64(docs[i].Seq)
	}
	ids := slices.Compact(slices.Sorted(slices.Values(rooms)))
	batch := &roomBatch{s: s, room: docs[0].Room}
	batch.Queue("SET LOCAL synchronous_commit = off")
	batch.Queue(openFoundStatement, ids)
	var stamp string
	batch.Queue(stampQuery).QueryRow(func(row pgx.Row) error { return row.Scan(&stamp) })
	manifests := map[chat.RoomID]finding.Manifest{}
	batch.Queue(lockFoundQuery, ids).Query(func(rows pgx.Rows) error {
		return readManifests(rows, func(room chat.RoomID, blocks, beside []byte) (err error) {
			manifests[room], err = finding.ParseManifest(blocks, slices.Clone(beside))
			return err
		})
	})
	dated := map[chat.RoomID][]finding.Doc{}
	batch.Queue(timesQuery, rooms, seqs).Query(func(rows pgx.Rows) error {
		return readTimes(rows, func(i int, at time.Time) {
			dated[docs[i].Room] = append(dated[docs[i].Room], finding.Doc{Seq: docs[i].Seq, At: at, Tokens: docs[i].Tokens})
		})
	})
	if err := tx.SendBatch(ctx, &batch.Batch).Close(); err != nil {
		return nil, err
	}
	if stamp != s.stamp {
		return nil, s.strange(stamp)
	}
	plans := map[chat.RoomID]finding.Plan{}
	for room, manifest := range manifests {
		plans[room] = finding.NewPlan(manifest, dated[room])
	}
	return plans, nil
}

func readManifests(rows pgx.Rows, tell func(room chat.RoomID, blocks, beside []byte) error) error {
	var id chat.RoomID
	var blocks, beside pgtype.DriverBytes
	_, err := pgx.ForEachRow(rows, []any{&id, &blocks, &beside}, func() error { return tell(id, blocks, beside) })
	return err
}

// readTimes reads the result of timesQuery.
func readTimes(rows pgx.Rows, tell func(i int, at time.Time)) error {
	var n int
	var at time.Time
	_, err := pgx.ForEachRow(rows, []any{&n, &at}, func() error {
		tell(n-1, at.UTC())
		return nil
	})
	return err
}

// loadBlocks reads the pieces of all blocks that plans need.
func (s *Store) loadBlocks(ctx context.Context, tx pgx.Tx, plans map[chat.RoomID]finding.Plan) (map[chat.RoomID]map[int64][]finding.Piece, error) {
	all := map[chat.RoomID]map[int64][]finding.Piece{}
	var rooms []string
	var blocks []int64
	for room, plan := range plans {
		all[room] = map[int64][]finding.Piece{}
		for _, block := range plan.Needs() {
			rooms, blocks = append(rooms, string(room)), append(blocks, block)
		}
	}
	if len(blocks) == 0 {
		return all, nil
	}
	query, args := s.about(chat.RoomID(rooms[0]), blocksQuery, rooms, blocks)
	rows, err := tx.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	var room chat.RoomID
	var block int64
	var p finding.Piece
	_, err = pgx.ForEachRow(rows, []any{&room, &block, &p.Key, &p.Data}, func() error {
		all[room][block] = append(all[room][block], p)
		p = finding.Piece{}
		return nil
	})
	return all, err
}

// saveFound carries plans out.
func (s *Store) saveFound(ctx context.Context, tx pgx.Tx, plans map[chat.RoomID]finding.Plan, pieces map[chat.RoomID]map[int64][]finding.Piece) error {
	var w foundWrite
	for room, plan := range plans {
		change, err := plan.Change(pieces[room])
		if err != nil {
			return err
		}
		if !change.Empty() {
			w.add(string(room), &change)
		}
	}
	if len(w.rooms) == 0 {
		return nil
	}
	batch := &roomBatch{s: s, room: chat.RoomID(w.rooms[0])}
	w.queue(batch)
	return tx.SendBatch(ctx, &batch.Batch).Close()
}

// foundWrite is what is written together.
type foundWrite struct {
	rooms              []string
	manifests, filters [][]byte

	drop, swept, stay foundBlocks // swept: rooms only
	pieces, bits      foundBlocks
	keys              [][]byte // of pieces
}

// foundBlocks are blocks, or parts of them.
type foundBlocks struct {
	rooms  []string
	blocks []int64
	data   [][]byte
}

func (l *foundBlocks) add(room string, block int64, data []byte) {
	l.rooms, l.blocks, l.data = append(l.rooms, room), append(l.blocks, block), append(l.data, data)
}

func (w *foundWrite) add(room string, change *finding.Change) {
	w.rooms = append(w.rooms, room)
	w.manifests, w.filters = append(w.manifests, blob(change.Manifest.Bytes())), append(w.filters, blob(change.Manifest.Beside()))
	for _, block := range change.Dropped {
		w.drop.add(room, block, nil)
	}
	for _, made := range change.Made {
		for _, p := range made.Pieces {
			w.pieces.add(room, made.ID, p.Data)
			w.keys = append(w.keys, p.Key)
		}
	}
	if change.Sweeps {
		w.swept.add(room, 0, nil)
		for _, block := range change.Manifest.Apart() {
			w.stay.add(room, block, nil)
		}
	}
	for _, f := range change.Filters {
		w.bits.add(room, f.ID, f.Filter)
	}
}

// blob is never NULL.
func blob(data []byte) []byte {
	if data == nil {
		return []byte{}
	}
	return data
}

func (w *foundWrite) queue(batch *roomBatch) {
	if len(w.drop.rooms) > 0 {
		batch.Queue(dropBlocksStatement, w.drop.rooms, w.drop.blocks)
	}
	if len(w.pieces.rooms) > 0 {
		batch.Queue(putPiecesStatement, w.pieces.rooms, w.pieces.blocks, w.keys, w.pieces.data)
	}
	if len(w.swept.rooms) > 0 {
		batch.Queue(sweepFiltersStatement, w.swept.rooms, w.stay.rooms, w.stay.blocks)
	}
	if len(w.bits.rooms) > 0 {
		batch.Queue(putFiltersStatement, w.bits.rooms, w.bits.blocks, w.bits.data)
	}
	batch.Queue(putFoundStatement, w.rooms, w.manifests, w.filters)
}

// Find implements ports.SearchIndex.
func (s *Store) Find(ctx context.Context, query ports.FindQuery) (list []ports.FoundMessage, err error) {
	err = s.read(ctx, "search", func(ctx context.Context) error {
		snapshot := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
		return pgx.BeginTxFunc(ctx, s.pool, snapshot, func(tx pgx.Tx) error {
			list, err = finding.Find(ctx, foundRows{s, tx}, &s.filters, query)
			return err
		})
	})
	return list, err
}

// foundRows are the rows of the index in a transaction.
type foundRows struct {
	s  *Store
	tx pgx.Tx
}

// Manifests implements finding.Rows.
func (r foundRows) Manifests(ctx context.Context, q *ports.FindQuery, tell func(room chat.RoomID, blocks, beside []byte) error) error {
	read := func(sql string, arg any, tell func(room chat.RoomID, blocks, beside []byte) error) error {
		rows, err := r.tx.Query(ctx, sql, arg)
		if err != nil {
			return err
		}
		return readManifests(rows, tell)
	}
	if q.Public {
		told := map[chat.RoomID]bool{}
		for _, ids := range [][]chat.RoomID{q.But, q.Rooms} {
			for _, id := range ids {
				told[id] = true
			}
		}
		public, arg, err := r.public(ctx, ports.MaxFindRooms+len(q.But))
		if err != nil {
			return err
		}
		if err := read(public, arg, func(room chat.RoomID, blocks, beside []byte) error {
			if told[room] {
				return nil
			}
			return tell(room, blocks, beside)
		}); err != nil {
			return err
		}
	}
	return read(manifestsQuery, texts(q.Rooms), tell)
}

// public returns the query for the manifests of public rooms, up to limit, and its argument.
func (r foundRows) public(ctx context.Context, limit int) (query string, arg any, err error) {
	if !r.s.distributed {
		return r.s.own(publicManifestsQuery), limit, nil
	}
	rows, err := r.tx.Query(ctx, publicRoomsQuery, limit)
	if err != nil {
		return "", nil, err
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return manifestsQuery, ids, err
}

// each makes a query about a list of n, in one round trip: one query, or one for each room. args
// returns its arguments for a part of the list, and take its rows.
func (r foundRows) each(ctx context.Context, n int, room func(i int) chat.RoomID,
	query string, args func(places []int) []any, take func(rows pgx.Rows, places []int) error,
) error {
	batch := &roomBatch{s: r.s}
	parts := []*ofRoom{{}}
	if r.s.distributed {
		parts = byRooms(n, room)
	} else {
		for i := range n {
			parts[0].places = append(parts[0].places, i)
		}
	}
	for _, part := range parts {
		batch.room = part.room
		batch.Queue(query, args(part.places)...).Query(func(rows pgx.Rows) error { return take(rows, part.places) })
	}
	return r.tx.SendBatch(ctx, &batch.Batch).Close()
}

// ofBlocks is each for blocks.
func (r foundRows) ofBlocks(ctx context.Context, blocks []finding.BlockPlace, query string, more []any, take func(rows pgx.Rows, places []int) error) error {
	return r.each(ctx, len(blocks), func(i int) chat.RoomID { return blocks[i].Room }, query, func(places []int) []any {
		rooms, ids := unitsOf(pick(blocks, places))
		return append([]any{rooms, ids}, more...)
	}, take)
}

func unitsOf(blocks []finding.BlockPlace) (rooms []string, ids []int64) {
	rooms, ids = make([]string, len(blocks)), make([]int64, len(blocks))
	for i, b := range blocks {
		rooms[i], ids[i] = string(b.Room), b.Block
	}
	return rooms, ids
}

// Pieces implements finding.Rows.
func (r foundRows) Pieces(ctx context.Context, blocks []finding.BlockPlace, from, to []byte, tell func(block int, data []byte) error) error {
	query, more := pieceQuery, []any{from}
	if to != nil {
		query, more = piecesQuery, []any{from, to}
	}
	return r.ofBlocks(ctx, blocks, query, more, func(rows pgx.Rows, places []int) error {
		var n int
		var data pgtype.DriverBytes
		_, err := pgx.ForEachRow(rows, []any{&n, &data}, func() error { return tell(places[n-1], data) })
		return err
	})
}

// Filters implements finding.Rows.
func (r foundRows) Filters(ctx context.Context, blocks []finding.BlockPlace) ([]finding.Filter, error) {
	all := make([]finding.Filter, len(blocks))
	err := r.ofBlocks(ctx, blocks, filtersQuery, nil, func(rows pgx.Rows, places []int) error {
		var n int
		var data []byte
		_, err := pgx.ForEachRow(rows, []any{&n, &data}, func() error {
			all[places[n-1]], data = data, nil
			return nil
		})
		return err
	})
	return all, err
}

// Times implements finding.Rows.
func (r foundRows) Times(ctx context.Context, messages []finding.Place) ([]time.Time, error) {
	all := make([]time.Time, len(messages))
	err := r.each(ctx, len(messages), func(i int) chat.RoomID { return messages[i].Room }, timesQuery, func(places []int) []any {
		rooms, seqs := make([]string, len(places)), make([]int64, len(places))
		for n, at := range places {
			rooms[n], seqs[n] = string(messages[at].Room), int64(messages[at].Seq)
		}
		return []any{rooms, seqs}
	}, func(rows pgx.Rows, places []int) error {
		return readTimes(rows, func(n int, at time.Time) { all[places[n]] = at })
	})
	return all, err
}
