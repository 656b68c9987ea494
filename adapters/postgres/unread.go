package postgres

import (
	"strconv"
	"strings"

	"github.com/parley-chat/parley/core/chat"
)

// The index entry_turns has messages by a number: the seq of a message that begins a turn, and the
// negative seq of one that does not. It has no deleted messages, except one that begins a turn,
// until turnStatement has run. These conditions must match the index's definition, or the planner
// does not use it.
//
// The index does not have the first entries of a room, up to the seq small: most rooms have no
// others. What is asked about these is answered by a look through them, in the order of the primary
// key.
const (
	small   = "256"
	isSaid  = `(%.kind = 1 AND -%.seq < -` + small + ` AND (%.turn OR %.deleted_at IS NULL))`
	itsTurn = `(CASE WHEN %.turn THEN %.seq ELSE -%.seq END)`
)

// ofTurns fills in {said x} and {turn x}, the conditions above for the table alias x, and {small}.
func ofTurns(sql string) string {
	for alias := range strings.FieldsSeq("a b e f l n t") {
		sql = strings.NewReplacer(
			"{said "+alias+"}", strings.ReplaceAll(isSaid, "%", alias),
			"{turn "+alias+"}", strings.ReplaceAll(itsTurn, "%", alias),
		).Replace(sql)
	}
	return strings.NewReplacer("{small}", small, "{end}", "9223372036854775807").Replace(sql)
}

// speakerOf returns the author of the last turn in a room, or NULL if there is none.
func speakerOf(room string) string {
	return strings.ReplaceAll(`coalesce((
      SELECT l.author FROM entry l WHERE l.room_id = {room}/*in l.room_id*/ AND {said l} AND {turn l} > 0 ORDER BY {turn l} DESC LIMIT 1
    ), (
      SELECT w.author FROM entry w WHERE w.room_id = {room}/*in w.room_id*/ AND w.seq <= {small} AND w.kind = 1 AND w.turn ORDER BY w.seq DESC LIMIT 1
    ))`, "{room}", room)
}

// unreadOf counts, up to chat.MaxUnread, the messages of others than user in a room that come after
// a seq and are not deleted. Its arguments are SQL expressions. It counts first those among the
// room's first entries. Of the entries behind these it counts the messages that begin a turn, then
// the rest of the turn that is under way there, then the rests of the turns after it.
//
// The next turn is always another author's, so it looks at no more than two turns for each of these
// messages that it counts. It looks at none if the user has never made an entry and no message
// after the seq is deleted. Then the result is messages, the number of the room's messages, less
// the number of those up to the seq.
func unreadOf(room, behind, user, messages string) string {
	later := "greatest(" + behind + ", " + small + ")"
	return strings.NewReplacer("{room}", room, "{behind}", behind, "{later}", later, "{user}", user, "{messages}", messages, "{max}", strconv.Itoa(chat.MaxUnread)).Replace(ofTurns(`
CASE WHEN (SELECT 1 FROM spoke u WHERE u.room_id = {room}/*in u.room_id*/ AND u.user_id = {user}) IS NULL AND (
  SELECT 1 FROM entry g
  WHERE g.room_id = {room}/*in g.room_id*/ AND g.kind = 1 AND g.deleted_at IS NOT NULL AND (CASE WHEN g.deleted_at IS NOT NULL THEN g.seq END) > {behind}
  ORDER BY (CASE WHEN g.deleted_at IS NOT NULL THEN g.seq END) LIMIT 1
) IS NULL AND (
  SELECT 1 FROM entry q
  WHERE q.room_id = {room}/*in q.room_id*/ AND q.kind = 8 AND (CASE WHEN q.kind = 8 THEN q.seq END) > {behind}
  ORDER BY (CASE WHEN q.kind = 8 THEN q.seq END) LIMIT 1
) IS NULL THEN least({max}, coalesce({messages} - (
  SELECT CASE n.kind WHEN 1 THEN n.messages - 1 ELSE n.messages END FROM entry n
  WHERE n.room_id = {room}/*in n.room_id*/ AND n.seq > {behind} ORDER BY n.seq LIMIT 1
), 0)) ELSE (SELECT count(*) FROM (
  (SELECT 1 FROM entry w
  WHERE w.room_id = {room}/*in w.room_id*/ AND w.seq > {behind} AND w.seq <= {small} AND w.kind = 1 AND w.author <> {user} AND w.deleted_at IS NULL
  ORDER BY w.seq)
  UNION ALL
  (SELECT 1 FROM entry t
  WHERE t.room_id = {room}/*in t.room_id*/ AND {said t} AND {turn t} > {later} AND t.author <> {user} AND t.deleted_at IS NULL
  ORDER BY {turn t})
  UNION ALL
  SELECT 1 FROM (
    SELECT f.author FROM entry f WHERE f.room_id = {room}/*in f.room_id*/ AND {said f} AND {turn f} < -({later}) ORDER BY {turn f} DESC LIMIT 1
  ) o CROSS JOIN LATERAL (
    SELECT 1 FROM entry e
    WHERE o.author <> {user} AND e.room_id = {room}/*in e.room_id*/ AND {said e} AND {turn e} < -({later}) AND {turn e} > -coalesce(
      (SELECT n.seq FROM entry n WHERE n.room_id = {room}/*in n.room_id*/ AND {said n} AND {turn n} > {later} ORDER BY {turn n} LIMIT 1), {end})
    ORDER BY {turn e} DESC
  ) m
  UNION ALL
  SELECT 1 FROM (
    SELECT t.seq, t.author, lead(t.seq, 1, {end}) OVER (ORDER BY {turn t}) AS next FROM entry t
    WHERE t.room_id = {room}/*in t.room_id*/ AND {said t} AND {turn t} > {later}
  ) o CROSS JOIN LATERAL (
    SELECT 1 FROM entry e
    WHERE o.author <> {user} AND o.next > o.seq + 1
      AND e.room_id = {room}/*in e.room_id*/ AND {said e} AND {turn e} < -o.seq AND {turn e} > -o.next
    ORDER BY {turn e} DESC
  ) m
  LIMIT {max}
) unread) END`))
}

// turnStatement corrects the turns after a message that began one was deleted. The next message of
// the turn begins it instead. If there is none, and the turns before and after it have the same
// author, these become one turn.
var turnStatement = ofTurns(`
WITH gone AS MATERIALIZED (
  SELECT room_id, seq, author, turn, deleted_at FROM entry WHERE room_id = $1 AND seq = $2
), around AS MATERIALIZED (
  SELECT g.room_id, g.seq, g.author, b.author AS before, a.seq AS after, a.author AS behind, coalesce((
    SELECT w.seq FROM entry w
    WHERE w.room_id = g.room_id/*in w.room_id*/ AND w.seq > g.seq AND w.seq < coalesce(a.seq, {end}) AND w.seq <= {small}
      AND w.kind = 1 AND NOT w.turn AND w.deleted_at IS NULL
    ORDER BY w.seq LIMIT 1
  ), (
    SELECT n.seq FROM entry n
    WHERE n.room_id = g.room_id/*in n.room_id*/ AND {said n} AND {turn n} < -g.seq AND {turn n} > -coalesce(a.seq, {end})
    ORDER BY {turn n} DESC LIMIT 1
  )) AS next
  FROM gone g
  LEFT JOIN LATERAL (
    (SELECT w.seq, w.author FROM entry w
    WHERE w.room_id = g.room_id/*in w.room_id*/ AND w.seq < g.seq AND w.seq <= {small} AND w.kind = 1 AND w.turn ORDER BY w.seq DESC LIMIT 1)
    UNION ALL
    (SELECT b.seq, b.author FROM entry b
    WHERE b.room_id = g.room_id/*in b.room_id*/ AND {said b} AND {turn b} > 0 AND {turn b} < g.seq ORDER BY {turn b} DESC LIMIT 1)
    ORDER BY seq DESC LIMIT 1
  ) b ON true
  LEFT JOIN LATERAL (
    (SELECT w.seq, w.author FROM entry w
    WHERE w.room_id = g.room_id/*in w.room_id*/ AND w.seq > g.seq AND w.seq <= {small} AND w.kind = 1 AND w.turn ORDER BY w.seq LIMIT 1)
    UNION ALL
    (SELECT a.seq, a.author FROM entry a WHERE a.room_id = g.room_id/*in a.room_id*/ AND {said a} AND {turn a} > g.seq ORDER BY {turn a} LIMIT 1)
    ORDER BY seq LIMIT 1
  ) a ON true
  WHERE g.turn AND g.deleted_at IS NOT NULL
)
UPDATE entry e SET turn = p.turn
FROM (
  SELECT room_id, seq, false AS turn FROM around
  UNION ALL
  SELECT room_id, next, before IS DISTINCT FROM author FROM around WHERE next IS NOT NULL
  UNION ALL
  SELECT room_id, after, false FROM around WHERE next IS NULL AND behind = before
) p
WHERE e.room_id = p.room_id/*in e.room_id*/ AND e.seq = p.seq`)
