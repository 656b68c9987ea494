// Package redis is a bus on publish and subscribe of Redis 7
// (https://redis.io/docs/latest/develop/pubsub/) and compatible servers, without persistence.
//
// Channels, with the prefix "parley":
//
//	parley:room:<room>    what concerns a room; a node subscribes to those that it follows
//	parley:node           what is for all nodes; every node subscribes to it
//
// On a Redis Cluster of version 7.0 and later, the bus uses sharded publish and subscribe, so that
// a message goes only to the servers of one shard. There rooms are divided into 16 groups, each
// with a hash slot and a connection of its own. Messages for all nodes have one more:
//
//	parley:{<group>}:room:<room>
//	parley:{node}:node
//
// A group connects once it has rooms. If a slot moves to another server, its group's connection
// breaks, and the next one goes to the new server. On an older cluster the channels are like on a
// single server, and the cluster passes every message to all of its servers.
//
// A node needs permission for PUBLISH, SUBSCRIBE, UNSUBSCRIBE, their sharded forms on a cluster,
// PING, COMMAND INFO, CLUSTER SLOTS on a cluster, and the channels "parley:*": with ACLs,
// resetchannels &parley:* +@pubsub +@connection +command +cluster.
//
// Redis delivers at most once. While a node is not connected, it loses what others tell, and calls
// Deaf once it is connected again. What it wants to tell meanwhile is refused. Redis ends the
// connection of a node that reads too slowly (client-output-buffer-limit pubsub): the node
// reconnects and calls Deaf.
//
// The library only implements the protocol; this package finds which server of a cluster has a
// slot. A bus needs five commands, and a client with all of Redis' commands would be a tenth of the
// binary.
package redis
