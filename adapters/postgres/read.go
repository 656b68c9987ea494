package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/parley-chat/parley/adapters/wire"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/ledger"
	"github.com/parley-chat/parley/ports"
)

// spanQuery reads a span of a room in its present form. It is one statement, so it sees one
// snapshot. An edit's body comes from a subquery, because a join might be planned to read the whole
// room. The same holds for the column gone: whether the message that an entry of a later kind is
// about is deleted. A deleted message may still have its meta, as the previous release deleted only
// the body.
//
// Reactions and slots are gathered only for rows that have any. An aggregate of no rows would cost
// more than the row: each of its sorts is set up all the same.
//
// After $6 bytes no more rows are sent. Long values of rows that are not sent are not read either,
// as their length is in the row.
const spanQuery = `
SELECT seq, at, author, author_name, via, key, messages, kind, body, reply_to, meta, edited_at, deleted_at, target, emoji, removed, total,
  change, member, role, name, type, data, gone, emojis, totals, mine,
  value, types, slots, setters, datas
FROM (
  SELECT *, sum(octet_length(body) + octet_length(coalesce(meta, '')) + coalesce(octet_length(value), 0) + coalesce(width, 0) + coalesce(breadth, 0))
    OVER (ORDER BY seq /*newest*/ ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS bytes
  FROM (
    SELECT e.seq, e.at, e.author, e.author_name, coalesce(e.via, '') AS via, e.key, e.messages, e.kind,
      coalesce(CASE e.kind
        WHEN 2 THEN (SELECT m.body FROM entry m WHERE m.room_id = e.room_id/*in m.room_id*/ AND m.seq = e.target)
        ELSE e.body
      END, '') AS body, coalesce(e.reply_to, 0) AS reply_to, CASE WHEN e.deleted_by IS NULL THEN e.meta END AS meta, e.edited_at, e.deleted_at,
      coalesce(e.target, 0) AS target, coalesce(e.emoji, '') AS emoji, coalesce(e.removed, false) AS removed, coalesce(e.total, 0) AS total,
      coalesce(e.change, '') AS change, coalesce(e.member, '') AS member, coalesce(e.role, 0) AS role, coalesce(e.name, '') AS name,
      coalesce(e.type, '') AS type, CASE WHEN octet_length(e.data) <= 32768 THEN e.data END AS data, e.kind > 6 AND EXISTS (
        SELECT FROM entry m WHERE m.room_id = e.room_id/*in m.room_id*/ AND m.seq = e.target AND m.deleted_by IS NOT NULL
      ) AS gone,
      CASE WHEN e.kind = 7 THEN (SELECT s.data FROM slot s WHERE s.room_id = e.room_id/*in s.room_id*/ AND s.set_by = e.seq) END AS value,
      a.emojis, a.totals, a.mine, a.width, b.types, b.slots, b.setters, b.datas, b.breadth
    FROM (/*rows*/) e
    LEFT JOIN LATERAL (
      SELECT a.* FROM (SELECT e.room_id, e.seq WHERE e.reacted OFFSET 0) t CROSS JOIN LATERAL (
        SELECT array_agg(r.emoji ORDER BY r.first_seq) AS emojis, array_agg(r.total ORDER BY r.first_seq) AS totals,
          array_agg(EXISTS (
            SELECT FROM reactor b
            WHERE b.room_id = r.room_id/*in b.room_id*/ AND b.target = r.target AND b.emoji = r.emoji AND b.user_id = $5 AND NOT b.removed
          ) ORDER BY r.first_seq) AS mine, sum(octet_length(r.emoji))::integer AS width
        FROM reaction r WHERE r.room_id = t.room_id/*in r.room_id*/ AND r.target = t.seq AND r.total > 0
      ) a
    ) a ON true
    LEFT JOIN LATERAL (
      SELECT b.* FROM (SELECT e.room_id, e.seq WHERE e.slotted AND e.deleted_by IS NULL OFFSET 0) t CROSS JOIN LATERAL (
        SELECT array_agg(s.type ORDER BY s.type, s.slot) AS types, array_agg(s.slot ORDER BY s.type, s.slot) AS slots,
          array_agg(s.set_by ORDER BY s.type, s.slot) AS setters, array_agg(s.data ORDER BY s.type, s.slot) AS datas,
          sum(octet_length(s.data))::integer AS breadth
        FROM slot s WHERE s.room_id = t.room_id/*in s.room_id*/ AND s.target = t.seq
      ) b
    ) b ON true
    OFFSET 0 -- each column is worked out once
  ) e
) e
WHERE bytes IS NULL OR bytes < $6::bigint
ORDER BY seq`

// allRows selects the rows of a span of all entries.
const allRows = `
SELECT * FROM entry WHERE room_id = $1 AND seq > $2 AND seq < $3 ORDER BY seq /*newest*/ LIMIT $4::bigint`

// pickedRows selects entries that are named one by one.
const pickedRows = `
SELECT e.* FROM (SELECT DISTINCT unnest($7::bigint[]) AS seq) p CROSS JOIN LATERAL (
  SELECT * FROM entry WHERE room_id = $1 AND seq = p.seq AND p.seq > $2 AND p.seq < $3 OFFSET 0
) e
ORDER BY e.seq LIMIT $4::bigint`

// pickedQuery is the query for such entries.
var pickedQuery = strings.Replace(spanQuery, "/*rows*/", pickedRows, 1)

// messageRows selects the messages of a span, however far apart they are. Each row has the number
// of messages up to it. So the query halves the span again and again and drops halves without
// wanted messages, until a part has messages only, or few rows. To find a message among n other
// entries it reads about log2(n) rows. It needs no index, which each message would have to be
// written to.
const messageRows = `
WITH RECURSIVE ends AS MATERIALIZED (
  SELECT f.seq - 1 AS lo, f.messages - (f.kind IN (1, 8))::int AS lom, l.seq AS hi, l.messages AS him
  FROM (SELECT seq, messages, kind FROM entry WHERE room_id = $1 AND seq > $2 AND seq < $3 ORDER BY seq LIMIT 1) f,
    (SELECT seq, messages FROM entry WHERE room_id = $1 AND seq > $2 AND seq < $3 ORDER BY seq DESC LIMIT 1) l
), wanted AS MATERIALIZED (
  SELECT /*behind*/ AS behind, /*upto*/ AS upto FROM ends
), part (lo, hi, lom, him) AS (
  SELECT lo, hi, lom, him FROM ends
  UNION ALL
  SELECT half.* FROM part p CROSS JOIN wanted w
  CROSS JOIN LATERAL (SELECT seq, messages FROM entry WHERE room_id = $1 AND seq = (p.lo + p.hi) / 2) m
  CROSS JOIN LATERAL (VALUES (p.lo, m.seq, p.lom, m.messages), (m.seq, p.hi, m.messages, p.him)) half (lo, hi, lom, him)
  WHERE p.hi - p.lo > 32 AND p.hi - p.lo > p.him - p.lom AND half.him > greatest(w.behind, half.lom) AND half.lom < w.upto
), leaf AS MATERIALIZED (
  SELECT CASE WHEN hi - lo = him - lom THEN lo + greatest(behind - lom, 0) ELSE lo END AS lo,
    CASE WHEN hi - lo = him - lom THEN hi - greatest(him - upto, 0) ELSE hi END AS hi
  FROM part CROSS JOIN wanted WHERE hi - lo <= 32 OR hi - lo = him - lom
)
SELECT e.* FROM leaf CROSS JOIN LATERAL (
  SELECT * FROM entry WHERE room_id = $1 AND seq > leaf.lo AND seq <= leaf.hi AND kind IN (1, 8) ORDER BY seq /*newest*/ LIMIT $4::bigint
) e
ORDER BY e.seq /*newest*/ LIMIT $4::bigint`

// spanQueries has the query for each sort of span: those of all entries or of messages, from the
// oldest or from the newest.
var spanQueries = func() (queries [2][2]string) {
	for only, rows := range []string{allRows, messageRows} {
		for newest, words := range [][]string{
			{"/*newest*/", "", "/*behind*/", "lom", "/*upto*/", "least(lom + $4::bigint, him)"},
			{"/*newest*/", "DESC", "/*behind*/", "greatest(him - $4::bigint, lom)", "/*upto*/", "him"},
		} {
			query := strings.Replace(spanQuery, "/*rows*/", rows, 1)
			queries[only][newest] = strings.NewReplacer(words...).Replace(query)
		}
	}
	return queries
}()

func queryOf(span ports.Span) string {
	var only, newest int
	if span.Messages {
		only = 1
	}
	if span.Newest {
		newest = 1
	}
	return spanQueries[only][newest]
}

// Read implements ports.Log.
func (s *Store) Read(ctx context.Context, room chat.RoomID, span ports.Span) (entries []chat.Entry, err error) {
	before, bytes := int64(span.Before), int64(span.Bytes)
	if before == 0 {
		before = math.MaxInt64
	}
	if bytes == 0 {
		bytes = math.MaxInt64
	}
	query, args := queryOf(span), []any{string(room), int64(span.After), before, span.Limit, string(span.Viewer), bytes}
	if span.Among != nil {
		query, args = pickedQuery, append(args, places(span.Among))
	}
	err = s.read(ctx, "read entries", func(ctx context.Context) error {
		query, args := s.about(room, query, args...)
		entries, err = queryAll(ctx, s.pool, query, args,
			func(row pgx.CollectableRow) (chat.Entry, error) { return scanEntry(row, room) })
		return err
	})
	return span.Fit(entries), err
}

// scanEntry reads a row of spanQuery.
func scanEntry(row pgx.CollectableRow, room chat.RoomID) (chat.Entry, error) {
	e := chat.Entry{Room: room}
	var c ledger.Columns
	m := &c.Message
	var editedAt, deletedAt *time.Time
	var later laterKind
	var emojis []string
	var totals []int32
	var mine []bool
	var slots slotColumns
	err := row.Scan(&e.Seq, &e.At, &e.Author.ID, &e.Author.Name, &e.Via, &e.Key, &e.Messages, &c.Kind,
		&m.Body, &m.ReplyTo, &m.Meta, &editedAt, &deletedAt,
		&c.Target, &c.Emoji, &c.Removed, &c.Total,
		&c.Change, &c.User, &c.Role, &c.Name,
		&later.name, &later.data, &later.gone,
		&emojis, &totals, &mine,
		&c.Data, &slots.types, &slots.slots, &slots.setBy, &slots.datas)
	if err != nil {
		return e, err
	}
	e.At = e.At.UTC()
	m.EditedAt, m.DeletedAt = given(editedAt), given(deletedAt)
	for i := range emojis {
		m.Reactions = append(m.Reactions, chat.Reaction{Emoji: emojis[i], Count: int(totals[i]), Me: mine[i]})
	}
	m.Slots = slots.all()
	if c.Kind == ledger.KindSet {
		later.set(&c)
	}
	fact, known := c.Fact()
	if !known {
		fact = later.fact(&c)
	}
	e.Fact = fact
	return e, nil
}

// slotColumns has the slots of a message.
type slotColumns struct {
	types, slots []string
	setBy        []int64
	datas        [][]byte
}

func (c *slotColumns) all() (slots []chat.Slot) {
	for i := range c.types {
		slots = append(slots, chat.Slot{Type: chat.SetType(c.types[i]), Slot: c.slots[i], SetBy: chat.Seq(c.setBy[i]), Data: c.datas[i]})
	}
	return slots
}

// set reads the members of a set from its row. If they are something else, the row is of a later
// release.
func (l *laterKind) set(c *ledger.Columns) {
	var ok bool
	if c.SetType, c.Slot, ok = wire.ReadSetMembers(l.data); !ok || l.name != c.Kind.String() {
		c.Kind = 0
	}
	if l.gone { // the previous release may have left it there
		c.Data = nil
	}
}

// laterKind has the columns of an entry whose kind only a later release knows.
type laterKind struct {
	name string // may be empty
	data []byte // may be nil
	gone bool   // the message that the entry is about is deleted
}

// fact returns the fact of such an entry. c has the columns that this release knows.
func (l *laterKind) fact(c *ledger.Columns) chat.Fact {
	if l.gone {
		return wire.Unknown(l.name, int(c.Kind), c.Target, nil, nil)
	}
	return wire.Unknown(l.name, int(c.Kind), c.Target, l.data, map[string]any{
		"body": c.Message.Body, "reply_to": c.Message.ReplyTo, "meta": json.RawMessage(c.Message.Meta), "emoji": c.Emoji,
		"removed": c.Removed, "count": c.Total, "change": c.Change, "user": c.User, "role": c.Role, "name": c.Name,
	})
}

// given returns the zero time for NULL.
func given(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

// Entry implements ports.Log.
func (s *Store) Entry(ctx context.Context, room chat.RoomID, seq chat.Seq) (chat.Entry, error) {
	entries, err := s.Read(ctx, room, ports.Span{After: seq - 1, Before: seq + 1, Limit: 1})
	if err != nil {
		return chat.Entry{}, err
	}
	if len(entries) == 0 || entries[0].Seq != seq {
		return chat.Entry{}, chat.Errorf(chat.NotFound, "there is no such entry")
	}
	return entries[0], nil
}

const headsQuery = `SELECT room_id, head FROM room WHERE room_id = ANY($1::text[])`

// Heads implements ports.Log. If an engine that distributes rooms cannot tell those of all, it is
// asked for each by itself.
func (s *Store) Heads(ctx context.Context, rooms []chat.RoomID) (map[chat.RoomID]chat.Seq, error) {
	heads, err := s.heads(ctx, rooms)
	if !s.distributed || len(rooms) < 2 || !errors.Is(err, chat.Unavailable) || ctx.Err() != nil {
		return heads, err
	}
	var mu sync.Mutex
	heads = make(map[chat.RoomID]chat.Seq, len(rooms))
	err = s.eachRoom(ctx, len(rooms), ids(rooms), func(ctx context.Context, part *ofRoom) error {
		of, err := s.heads(ctx, []chat.RoomID{part.room})
		mu.Lock()
		defer mu.Unlock()
		maps.Copy(heads, of)
		return err
	})
	if err != nil && !ports.IsPartial(err) {
		return nil, err
	}
	return heads, err
}

func (s *Store) heads(ctx context.Context, rooms []chat.RoomID) (map[chat.RoomID]chat.Seq, error) {
	heads := make(map[chat.RoomID]chat.Seq, len(rooms))
	err := s.read(ctx, "read heads", func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, headsQuery, texts(rooms))
		if err != nil {
			return err
		}
		var room chat.RoomID
		var head chat.Seq
		_, err = pgx.ForEachRow(rows, []any{&room, &head}, func() error {
			heads[room] = head
			return nil
		})
		return err
	})
	return heads, err
}

// places returns seqs in the type that the driver takes.
func places(seqs []chat.Seq) []int64 {
	all := make([]int64, len(seqs))
	for i, seq := range seqs {
		all[i] = int64(seq)
	}
	return all
}

// texts returns rooms in the type that the driver takes.
func texts(rooms []chat.RoomID) []string {
	ids := make([]string, len(rooms))
	for i, room := range rooms {
		ids[i] = string(room)
	}
	return ids
}
