// Package nats is a bus on NATS (https://nats.io): core publish and subscribe, without persistence.
//
// # Subjects
//
// With the prefix "parley":
//
//	parley.room.<room>    what concerns a room; a node subscribes to those that it follows
//	parley.node           what is for all nodes; every node subscribes to it
//
// In a subject, "." in a room id is written as "=", because a dot would end the token; room ids
// have no "=".
//
// # What an operator allows
//
// The bus needs a user who may publish and subscribe to "parley.room.*" and "parley.node", and
// nothing else: neither JetStream nor request and reply. If the server refuses something, Check
// fails until the next connection. Packets stay below the server's max_payload, and below 256 KiB.
// The default of 1 MiB is fine, and so is 8 KiB: a larger entry is sent as a head, and read from
// the store.
//
// # What is lost when
//
// NATS delivers at most once. While a node is not connected, it loses what others tell. It calls
// Deaf once it is connected again and has subscribed to all followed rooms. What it wants to tell
// meanwhile is refused, and not sent later. A server that does not answer any more is detected
// within 5 seconds. Up to 16 MiB of received packets may wait, and before them 65,536 packets that
// are just arriving. Further packets are lost, and the node calls Deaf, as it does after a packet
// that it cannot parse.
//
// # Connections
//
// Package bus reconnects, and not NATS' library: a connection of the library is used only until it
// breaks. So the driver remembers what the library would: the other servers of the cluster, and the
// name in their certificates.
package nats
