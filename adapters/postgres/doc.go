// Package postgres keeps rooms in a PostgreSQL database: the store that many nodes share.
//
// # How an append works
//
// A room's row is its sequencer: it holds the head, and whoever appends to the room locks it first,
// until the commit.
//
//	lock the rooms' rows ── judge, number, insert, move heads ── commit
//	     in the order                                          │
//	     of their ids                                          ├── first readers see it
//	                                                           └── then the next one gets the lock
//
// From this follows what ports.Log promises:
//   - Numbers have no holes: a transaction that is rolled back never moved the head.
//   - Whoever sees an entry sees all below it: the lock passes on only after the commit is visible, so entries become
//     visible in the order of their numbers, and a statement sees all of a commit or nothing.
//   - A used key is seen: what was committed under the lock before is visible to the statements after it. Two nodes that append
//     the same proposals do so one after the other, and the second finds the keys. No entry relies on a unique index to fail.
//   - No deadlock: all take the locks of rooms in one order, and nothing else is locked before them. A read mark is locked without
//     them, and by a transaction that then waits for nothing.
//
// Whoever else locks a room's row (an operator, a node that froze) holds up that room only. Appends
// wait for a lock for a moment, which is long against the time of a commit. Then they lock what
// they can without waiting, and the other rooms are Held. Where a row of another table is locked,
// nobody can tell of which room it is, and all rooms of the batch are Held: alone, those that have
// nothing to do with it go. Appends have connections of their own, so that reads, which a locked
// table may hold up, hold up no append.
//
// A batch of messages is judged and written by one statement, sent together with the one that
// locks: one round trip. Other facts need more knowledge than is good for a statement. They take
// one round trip to lock and read, and one to write and commit; between the two core/ledger judges.
// A test holds the statement to what core/ledger says.
//
// What an error leaves open (a connection that broke after the commit was sent, a server that
// stopped) is Unavailable: the caller appends the same proposals again, and their keys tell what
// was stored. The adapter never repeats an append itself, as its caller would take the Duplicate of
// the second try for somebody's repetition.
//
// An append is as durable as the server's commit: leave its fsync and synchronous_commit on.
package postgres
