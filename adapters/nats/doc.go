// Package nats is a bus on NATS (https://nats.io): core publish and subscribe, nothing that is
// kept.
//
// # Subjects
//
// Where the prefix is "parley":
//
//	parley.room.<room>    what concerns a room; a node subscribes to those that it follows
//	parley.node           what is for all nodes; every node subscribes to it
//
// A room id stands in its subject with "." as "=", as a dot would end the token; room ids have no
// "=".
//
// # What an operator allows
//
// A user who may publish and subscribe to "parley.room.*" and "parley.node", and nothing else:
// neither JetStream nor request and reply. What is refused makes Check fail until the next
// connection. Packets stay below the server's max_payload, and below 256 KiB; the default of 1 MiB
// is fine, and so is 8 KiB: an entry that is larger is told by its place alone, and read from the
// store.
//
// # What is lost when
//
// NATS delivers at most once. What is told while a node is not connected is lost to it, and it says
// that it was deaf once it is connected again and the server knows what it follows; what it would
// tell itself meanwhile is refused, and nothing of it is sent later. A server that does not answer
// any more is missed within 5 seconds. Of packets that a node has yet to take, 16 MiB wait, and
// before them 65,536 more that are just coming in; what comes besides is lost, and the node says
// that it was deaf, as it does after a packet that it cannot read.
//
// # Connections
//
// Package bus connects anew, not NATS' library: each connection is of one life. What the library
// would remember, the driver does: which other servers the cluster has, and the name in their
// certificates.
package nats
