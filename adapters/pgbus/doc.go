// Package pgbus is a bus on PostgreSQL's LISTEN and NOTIFY, for services without another server
// than their database.
//
// All nodes listen on one channel, named by the prefix or else "parley". Each node has one
// connection that only listens, and another one that notifies; if one of them breaks, both are made
// anew. The channel carries the heads of rooms, not the entries: nodes that follow a room read them
// from the store. Payloads are text of at most 7,999 bytes. So a payload is a packet of package
// notices in base64; it holds the heads of many rooms.
//
// While a NOTIFY is under way, messages are collected: the highest head of each room, and the
// latest of each signal and presence. They are never sent in the transaction of an append: a
// transaction that notifies takes a lock on the whole server before it commits, for all databases
// (PreCommit_Notify in PostgreSQL's src/backend/commands/async.c), so appends would wait for each
// other. One small transaction for all collected messages makes the lock cheap.
//
// PostgreSQL delivers equal payloads of one transaction once. This is harmless: equal packets say
// the same.
//
// Every node receives the heads of all rooms, and drops those that it does not follow: with many
// nodes and many busy rooms NATS or Redis is the better bus. PgBouncer does not support LISTEN in
// transaction or statement mode; the URL must lead to the server itself or through a session pool.
// While a node's listening connection is broken, it loses what others tell. It calls Deaf once it
// listens again.
package pgbus
