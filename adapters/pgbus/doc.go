// Package pgbus is a bus on PostgreSQL's LISTEN and NOTIFY, for those who want no other server
// beside their database.
//
// All nodes listen on one channel, "parley" or what the prefix says, by a connection each that does
// nothing else, and tell by another; where one of the two breaks, both are made anew. The channel
// carries how far rooms reach, not the entries: those who follow a room read them. A payload is a
// packet of package notices in base64, as payloads are text of at most 7,999 bytes; it holds the
// heads of many rooms.
//
// What is told is gathered while the last NOTIFY is under way, of each room the furthest head, of
// each signal and presence the latest. It never goes out in the transaction of an append: a
// transaction that notifies takes a lock on the whole server before it commits, for all databases
// (PreCommit_Notify in PostgreSQL's src/backend/commands/async.c), so that appends would wait for
// each other. One small transaction for all that was gathered makes that lock cheap.
//
// Within a transaction equal payloads come once. That is harmless: equal packets say the same.
//
// Every node hears of every room, and drops what it does not follow: with many nodes and many busy
// rooms NATS or Redis is the better bus. PgBouncer does not carry LISTEN in transaction or
// statement mode; the URL must lead to the server itself or through a session pool. What is told
// while a node's listening connection is broken is lost to it, and it says that it was deaf once it
// listens again.
package pgbus
