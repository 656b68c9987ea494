// Package redis is a bus on the publish and subscribe of Redis 7
// (https://redis.io/docs/latest/develop/pubsub/) and its kin: nothing is kept there.
//
// Channels, where the prefix is "parley":
//
//	parley:room:<room>    what concerns a room; a node subscribes to those that it follows
//	parley:node           what is for all nodes; every node subscribes to it
//
// On a Redis Cluster whose servers know it (7.0 and later), sharded publish and subscribe is used,
// so that a message goes to the servers of one shard only. There rooms are gathered into 16 groups,
// each a hash slot with a connection of its own, and what is for all nodes is one more:
//
//	parley:{<group>}:room:<room>
//	parley:{node}:node
//
// A group connects once it has rooms. A slot that moves to another server breaks its group's
// connection, and the next one leads there. On an older cluster the channels are those of a single
// server, and the cluster passes every message to all of its servers.
//
// A node needs permission for PUBLISH, SUBSCRIBE, UNSUBSCRIBE, their sharded kin on a cluster,
// PING, COMMAND INFO, CLUSTER SLOTS on a cluster, and the channels "parley:*": with ACLs,
// resetchannels &parley:* +@pubsub +@connection +command +cluster.
//
// Redis delivers at most once. What is told while a node is not connected is lost to it, and it
// says that it was deaf once it is connected again; what it tells itself meanwhile is refused.
// Redis ends the connection of a node that takes what comes too slowly (client-output-buffer-limit
// pubsub): the node comes back, and was deaf.
//
// The library speaks the protocol; which server of a cluster has a slot is found here. A bus needs
// five commands, and a client with all of Redis' commands would be a tenth of the binary.
package redis
