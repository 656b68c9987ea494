package postgres

import (
	"fmt"
	"regexp"
)

// slots is how many slots rooms are hashed into. Package shards says which server has which.
const slots = 1024

// slotOf computes the slot of a room in SQL, as shards.Slot does.
func slotOf(room string) string {
	return fmt.Sprintf("((get_byte(sha256(%s::bytea), 0) * 256 + get_byte(sha256(%[1]s::bytea), 1)) * %d / 65536)", room, slots)
}

// NumberOf computes the number of the database, of count, that has a room.
func NumberOf(room string, count int) string {
	return fmt.Sprintf("(%s %% %d + 1)", slotOf(room), count)
}

// ownRooms are places in queries over many rooms, such as /*own room_id*/.
var ownRooms = regexp.MustCompile(`/\*own ([a-z_.]+)\*/`)

// own returns a query without what rows are left of rooms that another database has now. There are
// none, and the query stays as it is, unless the cluster has just grown.
func (s *Store) own(query string) string {
	if !s.split.Load() {
		return query
	}
	return ownRooms.ReplaceAllStringFunc(query, func(place string) string {
		return fmt.Sprintf(" AND %s = %d", NumberOf(ownRooms.FindStringSubmatch(place)[1], s.shard.Count), s.shard.Number)
	})
}
