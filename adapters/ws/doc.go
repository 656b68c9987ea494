// Package ws is the socket: it upgrades requests of Fiber, reads what clients send, and gives
// sessions a connection to write to.
//
// The WebSocket library does the upgrade and nothing else. After it, only the session writes to the
// client, in the order that it decides. Bytes from the client go through a parser of our own, which
// accepts them in pieces of any size:
//
//	client ──► conn or polled ──► reader, parser ──► Session.Command, Reply, Finish, Closed
//	client ◄── conn or polled ◄── Session (TryWrite, Write, Close)
//
// A connection is one of two kinds, which clients and sessions cannot tell apart. A conn has a
// goroutine that waits for the client. It carries everything: TLS, systems without epoll, pipes in
// tests. When idle it costs about 5 KiB, most of it the goroutine's stack. A polled has no
// goroutine, and costs about 110 bytes when idle. The poller learns by epoll that its socket has
// something to read, and a few workers, the worker pool, read it. It is for plain TCP on Linux.
//
// The HTTP server does not send the answer to a handshake. The session writes it before its first
// frame, as a rule the welcome, so that both are one write.
//
// Neither keeps the handshake, its request or its buffers. Nor does it keep a read buffer while
// there is nothing to read, if the system can tell.
package ws
