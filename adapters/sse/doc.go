// Package sse serves clients that only read, without a socket: streams of server-sent events, long
// polls, and the reading half of the Durable Streams protocol. Such clients give commands by the
// HTTP API.
//
// Each of them has a session, as sockets have, with the same cursors, limits and ends. Its Conn
// makes what its protocol needs of the frames that the core has encoded for sockets, once for all:
//
//	Session ─► events, poll or durable ─► the connection that another adapter carries
//
// The session is opened before the request is answered, so that what cannot be read is refused by
// an HTTP status. Then the connection is taken from the HTTP server, and costs no goroutine and no
// buffer of it.
package sse
