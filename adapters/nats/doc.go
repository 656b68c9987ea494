// Package nats is a bus on NATS (https://nats.io): core publish and subscribe, nothing that is kept.
//
// Subjects, where the prefix is "parley":
//
//	parley.room.<room>    what concerns a room; a node subscribes to those that it follows
//	parley.node           what is for all nodes; every node subscribes to it
//
// A room id stands in its subject with "." as "=" , as a dot would end the token; the characters of room ids leave "=" free. A node needs
// permission to publish and subscribe to "parley.>", and nothing else: neither JetStream nor request and reply.
//
// NATS delivers at most once. What is told while a node is not connected is lost to it, and it says that it was deaf once it is connected
// again; what it tells itself meanwhile is refused. A node that does not take what comes as fast as it comes is a slow consumer: what did
// not fit is lost, and it says so too.
package nats
