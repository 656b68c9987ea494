// Package torture runs a cluster under load: processes of the real binary, a real PostgreSQL, a
// real bus. It breaks one part after the other, and checks from the clients' records whether the
// service kept its promises.
//
//	clients ──► nodes ──► a proxy each ──► PostgreSQL
//	   │          └─────► a proxy each ──► bus
//	   └──► history ──► verdict
//
// Writers send, edit, delete and react, over sockets and HTTP. They repeat requests without an
// answer on another node, with the same key. Readers keep cursors, crash, stop reading, and
// reconnect to any node. Nodes are killed, paused and restarted in good order. The bus is cut,
// stalled, delayed and restarted; so are the connections to PostgreSQL, and PostgreSQL itself.
// There may be several PostgreSQL servers, and they may become twice as many in the middle. The
// faults and their times come from a seed.
//
// At the end all is repaired, the readers get time to catch up, each room's log is read, and
// package history judges.
package torture
