// Package torture runs a cluster of its own — processes of the real binary, a real PostgreSQL, a
// real bus — under load, breaks one part after the other, and judges by what the clients wrote down
// whether the service kept its promises.
//
//	clients ──► nodes ──► a proxy each ──► PostgreSQL
//	   │          └─────► a proxy each ──► bus
//	   └──► history ──► verdict
//
// Writers send, edit, delete and react, over sockets and HTTP, and repeat what has no answer with
// the same key on another node. Readers keep cursors, crash, stop reading, and come back anywhere.
// Nodes are killed, paused and restarted in good order; the bus is cut, stalled, delayed and
// restarted; so is the way to PostgreSQL, and PostgreSQL itself. What is broken, and when, comes
// from a seed.
//
// At the end all is mended, the readers get time to catch up, each room's log is read, and package
// history judges.
package torture
