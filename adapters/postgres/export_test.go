package postgres

import (
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
)

// For tests.
var (
	RoomTables  = roomTables
	FirstTables = firstTables
)

// LockGates is what a growth locks.
const LockGates = lockGatesStatement

// Pool returns connections as a store has them.
func Pool(s *Store) *pgxpool.Pool { return s.pool }

// OneRooms returns all statements that tests of plans know, by their names, as they are about one
// room, and whether the room is the last argument.
func OneRooms(testing.TB) (sql map[string]string, named map[string]bool) {
	sql, named = map[string]string{}, map[string]bool{}
	for _, s := range statements {
		is := inRoom(s.sql)
		sql[s.name], named[is.sql] = is.sql, is.named
	}
	return sql, named
}

// Scattered are the statements that ask an engine for rooms in all of its parts, by what they are
// for: no one room is known there.
var Scattered = map[string]string{
	"the rooms where a user is a member":       memberOfQuery,
	"the rooms where a user has a mark":        markOfQuery,
	"the rooms where a user has spoken":        spokeOfQuery,
	"all rooms, for operators":                 roomIDsQuery,
	"the keys by which a user's rooms sort":    roomKeysQuery,
	"heads: a node asks for all that it shows": headsQuery,
	"which rooms are public, for searches":     publicRoomsQuery,
	"the index's rows of a search's rooms":     manifestsQuery,
	"which rooms are pending":                  pendingRoomsQuery,
	"the cursors in pending rooms":             cursorsQuery,
	"the cursors that wait":                    waitingCursorsQuery,
	"the cursors that are stuck":               stuckQuery,
	"where a consumer has cursors, to forget":  cursorPlacesQuery,
	"rooms in order, to wake some":             walkQuery,
	"pins that are due":                        dueQuery,
}

// MakesRoom is the statement before which a room is nowhere.
const MakesRoom = createHereStatement

// Plain are the statements that are only sent plainly, by their names in tests of plans.
var Plain = []string{
	"check", "create", "due pins", "all rooms", "rooms of a user", "rooms by activity", "rooms by activity then", "rooms by name", "rooms by id",
}
