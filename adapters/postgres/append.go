package postgres

import (
	"bytes"
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/ledger"
	"github.com/parley-chat/parley/ports"
)

// lockQuery locks the rooms of a batch until its transaction ends. All transactions take locks in
// this order, so there is no deadlock.
const lockQuery = `
SELECT room_id FROM room WHERE room_id = ANY($1::text[])/*in room_id*/ ORDER BY room_id FOR UPDATE`

// lockFreeQuery locks only those rooms that nobody else has locked.
const lockFreeQuery = lockQuery + ` SKIP LOCKED`

// The outcomes of a proposal in sayQuery.
const (
	isNew int16 = iota
	isDuplicate
	isNowhere  // the room does not exist
	isArchived // the room is archived
	isUnheard  // the entry that it replies to is not a message
	isForward  // it replies to an entry that does not exist yet, but may be in this batch
	isReaders  // its author may read only
	isBanned   // its author is banned
	isHidden   // its author may not know of the room
	isTaken    // its key was used for an entry that is not a message
	isStrange  // the database is not the one that was opened: for all proposals
)

// sayQuery appends messages in one statement, after lockQuery. So it sees everything that was
// committed before it got its locks, and nobody else appends to these rooms until it is committed.
// The two must not be put into one statement: that would see the tables as they were before it
// waited. If a proposal isForward, or all are isStrange, it appends nothing.
//
// A message begins a turn if its author is not the last speaker. Authors who speak for the first
// time are recorded. The room's row names the last speaker. If it does not, or does not belong to
// the head, the statement looks the speaker up.
var sayQuery = ofTurns(`
WITH judged AS (
  SELECT p.*, r.head, r.messages AS said, greatest((SELECT clock_timestamp()), r.last_at) AS now, old.seq AS old_seq, old.at AS old_at,
    CASE r.speaker_head WHEN r.head THEN nullif(r.speaker, '') END AS speaker,
    CASE
      WHEN (SELECT ` + shardStamp + ` <> $11::text) THEN 10
      WHEN r.room_id IS NULL THEN 2
      WHEN old.kind BETWEEN 2 AND 6 OR old.kind = 7 AND old.type = 'set' THEN 9
      WHEN old.seq IS NOT NULL THEN 1
      WHEN p.granted < 4 AND m.banned THEN 7
      WHEN greatest(p.granted, m.role, CASE WHEN r.public THEN p.everybody END) = 1 THEN 6
      WHEN greatest(p.granted, m.role, CASE WHEN r.public THEN p.everybody END) = 0 THEN 8
      WHEN r.archived THEN 3
      WHEN p.reply_to > r.head THEN 5
      WHEN p.reply_to <> 0 AND t.seq IS NULL THEN 4
      ELSE 0
    END::smallint AS verdict
  FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bytea[],
    $8::smallint[], $9::smallint[], $10::text[])
    WITH ORDINALITY AS p (room_id, author, author_name, key, body, reply_to, meta, granted, everybody, via, n)
  LEFT JOIN room r ON r.room_id = p.room_id/*in r.room_id*/
  LEFT JOIN LATERAL (` + sameKey("room_id, author, seq, at, kind, type") + `) old ON old.room_id = p.room_id AND old.author = p.author
  LEFT JOIN member m ON m.room_id = p.room_id/*in m.room_id*/ AND m.user_id = p.author
  LEFT JOIN entry t ON t.room_id = p.room_id/*in t.room_id*/ AND t.seq = nullif(p.reply_to, 0) AND t.kind IN (1, 8)
), numbered AS (
  SELECT *, row_number() OVER w AS nth, lead(n) OVER w IS NULL AS last, (SELECT bool_or(verdict = 5) FROM judged) AS stop,
    author IS DISTINCT FROM coalesce(lag(author) OVER w, speaker, ` + speakerOf("judged.room_id") + `) AS turn
  FROM judged WINDOW w AS (PARTITION BY room_id, verdict ORDER BY n)
), appended AS (
  INSERT INTO entry (room_id, seq, at, author, author_name, key, messages, kind, body, reply_to, meta, turn, via)
  SELECT /*here*/room_id, head + nth, now, author, author_name, key, said + nth, 1, body, nullif(reply_to, 0), meta, turn, nullif(via, '')
  FROM numbered/*and here*/ WHERE verdict = 0 AND NOT stop
), spoken AS (
  INSERT INTO spoke (room_id, user_id)
  SELECT DISTINCT /*here*/room_id, author FROM numbered p/*and here*/ WHERE verdict = 0 AND NOT stop
    AND NOT EXISTS (SELECT FROM spoke s WHERE s.room_id = p.room_id/*in s.room_id*/ AND s.user_id = p.author AND s.listed)
  ON CONFLICT (room_id, user_id) DO UPDATE SET listed = true
), moved AS (
  UPDATE room r SET head = a.head + nth, messages = said + nth, last_at = now, speaker = author, speaker_head = a.head + nth, pending = true
  FROM numbered a WHERE verdict = 0 AND NOT stop AND last AND r.room_id = a.room_id/*in r.room_id*/
)
SELECT verdict, coalesce(old_seq, head + nth, 0), coalesce(old_at, now, 'epoch'), coalesce(said + nth, 0)
FROM numbered ORDER BY n`)

// sameKey returns the columns of the entries with the key of p. Those of other rooms and authors
// are among them where their hash is the same. The condition must match the index entry_key; by
// OFFSET 0 the planner sees no other condition, and can choose no other index.
func sameKey(columns string) string {
	return `
    SELECT ` + columns + ` FROM entry WHERE key = p.key AND hashtext(room_id || author) = hashtext(p.room_id || p.author)/*in room_id*/ OFFSET 0
  `
}

// Append implements ports.Log. A batch of messages takes one round trip; a batch with other facts
// takes two.
func (s *Store) Append(ctx context.Context, proposals []chat.Proposal) ([]ports.Outcome, error) {
	const what = "append"
	if len(proposals) == 0 {
		return nil, failure(ctx, ctx.Err(), what)
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	if s.apart(len(proposals), func(i int) chat.RoomID { return proposals[i].Room }) {
		return s.appendApart(ctx, proposals)
	}
	outcomes, err := s.appendTogether(ctx, proposals)
	return outcomes, failure(ctx, err, what)
}

// appendTogether appends a batch in one transaction.
func (s *Store) appendTogether(ctx context.Context, proposals []chat.Proposal) ([]ports.Outcome, error) {
	outcomes, err := s.wait(ctx, proposals)
	if isHeld(err) {
		outcomes, err = s.around(ctx, proposals)
	}
	return outcomes, err
}

// appendApart appends what is for each room by itself. If the transaction of a room was given up,
// nothing was stored there, and its proposals fail for themselves. If nothing is known of one, the
// whole call fails: when it is repeated, the keys tell what was stored.
func (s *Store) appendApart(ctx context.Context, proposals []chat.Proposal) ([]ports.Outcome, error) {
	if err := ledger.Check(proposals); err != nil {
		return nil, err
	}
	outcomes := make([]ports.Outcome, len(proposals))
	parts := byRooms(len(proposals), func(i int) chat.RoomID { return proposals[i].Room })
	err := joined(s.each(ctx, s.appends, len(parts), func(ctx context.Context, i int) error {
		part, err := s.appendTogether(ctx, pick(proposals, parts[i].places))
		undone := isUndone(err)
		if err = failure(ctx, err, "append"); err != nil && !undone && chat.AsError(err).Kind == chat.Unavailable {
			return err
		}
		for n, at := range parts[i].places {
			if outcomes[at].Err = err; err == nil {
				outcomes[at] = part[n]
			}
		}
		return nil
	}))
	if err != nil {
		return nil, err
	}
	return outcomes, nil
}

// wait appends a batch once it has the locks of its rooms.
func (s *Store) wait(ctx context.Context, proposals []chat.Proposal) ([]ports.Outcome, error) {
	if said, plain := newSaid(proposals); plain {
		outcomes, done, err := s.say(ctx, said, proposals)
		if done || err != nil {
			return outcomes, err
		}
	}
	return s.change(ctx, proposals, lockQuery)
}

// said is a batch of messages by columns.
type said struct {
	rooms, authors, names, keys, bodies []string
	replies                             []int64
	metas                               [][]byte
	// Roles that the authors' tokens give them in the room, and in public rooms.
	granted, everybody []int16
	vias               []string // nil if no service acts for anybody, the usual case
}

// aboveBans is the role granted to admins: it holds even if their user is banned.
const aboveBans = int16(chat.Moderate) + 1

// newSaid puts proposals into columns. The batch is not plain if it has another fact, the same key
// twice, or a group.
func newSaid(proposals []chat.Proposal) (b *said, plain bool) {
	n := len(proposals)
	texts := make([]string, 5*n)
	b = &said{
		rooms: texts[:0:n], authors: texts[n : n : 2*n], names: texts[2*n : 2*n : 3*n], keys: texts[3*n : 3*n : 4*n], bodies: texts[4*n : 4*n],
		replies: make([]int64, 0, n), metas: make([][]byte, 0, n),
		granted: make([]int16, 0, n), everybody: make([]int16, 0, n),
	}
	seen := make(map[usedKey]struct{}, n)
	for i := range proposals {
		p := &proposals[i]
		m, ok := p.Fact.(chat.Message)
		if !ok || m.Silent || p.IfHead != nil || p.Group != 0 {
			return nil, false
		}
		seen[usedKey{p.Room, p.Author.ID, p.Key}] = struct{}{}
		b.rooms = append(b.rooms, string(p.Room))
		b.authors = append(b.authors, string(p.Author.ID))
		b.names = append(b.names, p.Author.Name)
		b.keys = append(b.keys, string(p.Key))
		b.bodies = append(b.bodies, m.Body)
		b.replies = append(b.replies, int64(m.ReplyTo))
		b.metas = append(b.metas, givenMeta(m.Meta))
		b.entitle(p.By)
		if p.Via != "" && b.vias == nil {
			b.vias = make([]string, n)
		}
		if p.Via != "" {
			b.vias[i] = p.Via
		}
	}
	return b, len(seen) == n
}

func (b *said) entitle(by chat.Rights) {
	granted, everybody := int16(by.Granted), int16(chat.None)
	if by.Admin {
		granted = aboveBans
	}
	if by.Everybody {
		everybody = int16(chat.Write)
	}
	b.granted = append(b.granted, granted)
	b.everybody = append(b.everybody, everybody)
}

// givenMeta returns nil for an empty meta, which is stored as NULL.
func givenMeta(meta []byte) []byte {
	if len(meta) == 0 {
		return nil
	}
	return meta
}

// say appends a plain batch. If a message replies to one that may be in the batch, done is false
// and nothing was appended.
//
// Both statements go out together. The server treats all statements before a Sync message as one
// transaction, unless they say otherwise: both are committed, or neither is.
func (s *Store) say(ctx context.Context, b *said, proposals []chat.Proposal) (_ []ports.Outcome, done bool, _ error) {
	outcomes := make([]ports.Outcome, 0, len(proposals))
	done = true
	strange := false
	batch := s.batch(proposals[0].Room)
	s.bound(batch)
	batch.Queue(lockQuery, b.rooms)
	batch.Queue(sayQuery, b.rooms, b.authors, b.names, b.keys, b.bodies, b.replies, b.metas, b.granted, b.everybody, b.vias, s.stamp).Query(func(rows pgx.Rows) error {
		var verdict int16
		var seq, messages int64
		var at time.Time
		_, err := pgx.ForEachRow(rows, []any{&verdict, &seq, &at, &messages}, func() error {
			p := &proposals[len(outcomes)]
			e := chat.Entry{Room: p.Room, Seq: chat.Seq(seq), At: at.UTC(), Author: p.Author, Via: p.Via, Key: p.Key}
			if verdict == isNew {
				m := p.Fact.(chat.Message)
				e.Messages, e.Fact = messages, chat.Message{Body: m.Body, ReplyTo: m.ReplyTo, Meta: bytes.Clone(givenMeta(m.Meta))}
			}
			done = done && verdict != isForward
			strange = strange || verdict == isStrange
			outcomes = append(outcomes, outcomeOf(verdict, e))
			return nil
		})
		return err
	})
	// Only Close reads the server's last answer. Then the results are complete and the transaction
	// is committed.
	if err := s.send(ctx, s.appends, batch); err != nil || !done {
		return nil, false, err
	}
	if strange {
		return nil, false, s.elsewhere(ctx)
	}
	return outcomes, true, nil
}

func outcomeOf(verdict int16, e chat.Entry) ports.Outcome {
	switch verdict {
	case isNew:
		return ports.Outcome{Status: ports.Appended, Entry: e}
	case isDuplicate:
		return ports.Outcome{Status: ports.Duplicate, Entry: e}
	case isTaken:
		return ports.Outcome{Err: ledger.KeyTaken(e.Seq)}
	case isNowhere, isHidden:
		return ports.Outcome{Err: chat.NoRoom(e.Room)}
	case isReaders:
		return unentitled(e.Room, chat.Member{Role: chat.Read})
	case isBanned:
		return unentitled(e.Room, chat.Member{Banned: true})
	case isArchived:
		return ports.Outcome{Err: ledger.Archived()}
	}
	return ports.Outcome{Err: ledger.Unheard()}
}

// unentitled refuses a message of an author who has this place in the room and no role by a token.
func unentitled(room chat.RoomID, place chat.Member) ports.Outcome {
	_, err := chat.Rights{}.Entitle(chat.Room{ID: room}, place, chat.Write)
	return ports.Outcome{Err: err}
}
