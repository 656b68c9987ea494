// Package bus is what the buses by servers have in common: one portable Bus over a small Driver for
// each kind of server.
//
//	Bus     what is followed, who is told, what waits to be sent, health
//	  └─ link     one connection after the other: dial, subscribe, ping; pause and dial again
//	       └─ Conn, by the Driver     subscribe, unsubscribe, publish, receive, ping, close
//
// A Driver may spread rooms over groups, each with a connection of its own; most have one group.
// The first connection also publishes, and carries what is for all nodes.
//
// A link dials, subscribes to all that is followed, and pings. Then it is up, and the listener is
// told that it was deaf: whatever was told until then may be lost. The server is pinged every 1.5
// seconds, and missed where it then says nothing at all for 3 seconds. After an error the link
// dials again, after a pause that grows from 50 milliseconds to 2 seconds, with jitter.
//
// What is told while the first connection is not up is refused, and nothing of it is sent later.
package bus
