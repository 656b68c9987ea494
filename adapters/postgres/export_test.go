package postgres

// For tests.
var (
	RoomTables  = roomTables
	FirstTables = firstTables
)

// LockGates is what a growth locks.
const LockGates = lockGatesStatement
