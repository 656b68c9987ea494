// Package bus has the common part of all buses with servers: one portable Bus over a small Driver
// for each kind of server.
//
//	Bus     what is followed, who is told, what waits to be sent, health
//	  └─ link     one connection after the other: dial, subscribe, ping; pause and dial again
//	       └─ Conn, by the Driver     subscribe, unsubscribe, publish, receive, ping, close
//
// A Driver may spread rooms over groups, each with a connection of its own; most have one group.
// The first connection also publishes, and carries packets for all nodes.
//
// A link dials, subscribes to all followed rooms, and pings. Then it is up, and the listener is
// told that it was deaf: earlier packets may be lost. The link pings the server every 1.5 seconds.
// If the server then sends nothing at all for 3 seconds, the link fails. After an error the link
// dials again, after a pause that grows from 50 milliseconds to 2 seconds, with jitter.
//
// While the first connection is not up, Announce and Tell fail, and nothing of it is sent later.
package bus
