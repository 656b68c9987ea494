// Package shards makes one store of several that do not know of each other: each room is in one of
// them, and nothing crosses rooms.
//
//	room ── a hash of its id ──► one of 1,024 slots ── slot mod servers ──► its server
//
// What is about rooms is asked of their servers: the log, members, read marks, slots, cursors of
// consumers, the index for search. Lists of rooms are merged. What is about no room is kept by the
// first server: profiles, revocations, hooks, the identity of the log, and which consumers and
// nodes there are.
//
// # Leases
//
// A consumer's cursor is moved in one transaction with a look at the lease of its share, and a room
// ceases to be pending in one with a look at the generation of consumers. So both are on all
// servers. The first one decides, and the others take over what it decided before anything relies
// on it there: a lease before the node that got it reads a cursor or moves one, and a generation
// before rooms become pending for the consumer that begins. Both only grow, so none comes late.
//
// # A server that is away
//
// It takes its rooms away, and no others. Calls about several rooms return what they have with a
// ports.Partial, or leave out what is found later. Those that need all servers fail until it is
// back: a search in many rooms, and that a consumer is walked.
package shards
