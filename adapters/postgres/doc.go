// Package postgres keeps rooms in a PostgreSQL database: the store that many nodes share.
//
// # How an append works
//
// A room's row is its sequencer: it holds the head. Each append to the room locks the row first,
// until the commit.
//
//	lock the rooms' rows ── judge, number, insert, move heads ── commit
//	     in the order                                          │
//	     of their ids                                          ├── first readers see it
//	                                                           └── then the next one gets the lock
//
// This gives what ports.Log promises:
//
// Numbers have no holes. A transaction that is rolled back has never moved the head.
//
// Whoever sees an entry sees all entries before it. The lock passes on only after the commit is
// visible. So entries become visible in the order of their numbers, and a statement sees all of a
// commit or nothing.
//
// A used key is seen. A statement sees everything that was committed under the lock before. If two
// nodes append the same proposals, they do so one after the other, and the second one finds the
// keys. No entry depends on the failure of a unique index; that of keys is not unique.
//
// There is no deadlock. All transactions lock rooms in one order, and lock nothing else before
// them. Only a read mark is locked without its room, and such a transaction then waits for nothing.
//
// If something else locks a room's row (an operator, a node that froze), it holds up only that
// room. Appends wait for a lock for a time that is short, but long compared with a commit. Then
// they lock the rooms that they can without waiting, and the other rooms are Held. If a row of
// another table is locked, it is unknown which room it belongs to, and all rooms of the batch are
// Held. When the caller then appends each room alone, the rooms that are not concerned succeed.
// Appends have connections of their own, so that reads, which may wait for a locked table, do not
// hold them up.
//
// A batch of messages is judged and written by one statement, which is sent together with the lock
// statement: one round trip. The rules of other facts are too complex for one statement. They take
// one round trip to lock and read, and one to write and commit; in between core/ledger judges. A
// test compares the statement with core/ledger.
//
// An error may leave open whether a batch was committed: the connection broke after the commit was
// sent, or the server stopped. Then the call fails with Unavailable. The caller appends the same
// proposals again, and their keys tell what was stored. The adapter never repeats an append itself:
// its caller would take the Duplicate of the second attempt for a repetition by the client.
//
// An append is as durable as the server's commit: leave its fsync and synchronous_commit on.
//
// # Engines that distribute
//
// To an engine that distributes its tables by room_id, everything is said about one room at a time
// (Config.URL, inRoom): one room a statement, one room a transaction, which is begun and committed
// explicitly. So each is for one server of the engine. A call about several rooms is made for each
// by itself. If a room's transaction was given up before its commit, its proposals fail, and those
// to other rooms do not.
package postgres
