// Package ws is the socket: it upgrades requests that come by Fiber, reads what clients send, and gives sessions a connection to
// write to.
//
// The WebSocket library does the upgrade and nothing else. After it, bytes to the client come from the session alone, in the order
// that it decides, and bytes from the client go through a parser of our own, which takes them cut anywhere:
//
//	client ──► source ──► parser ──► reader ──► Session.Command, Reply, Finish, Closed
//	client ◄────────────────────────── conn ◄── Session (TryWrite, Write, Close)
//
// A connection that is idle costs a goroutine that waits, and nothing of what the handshake needed: neither the request nor its
// buffers, nor one to read into (where the system can tell that there is something to read).
package ws
