// Package sse serves clients that only read, without a socket: streams of server-sent events, long
// polls, and the reading half of the Durable Streams protocol. Such clients give commands by the
// HTTP API.
//
// Each of them has a session, as sockets have, with the same cursors, limits and ends. The core
// encodes frames once, for sockets. The session's Conn translates them into its own protocol:
//
//	Session ─► events, poll or durable ─► the connection that another adapter carries
//
// The session is opened before the request is answered. So if a room cannot be read, the answer is
// an HTTP status. Then the connection is taken from the HTTP server, and uses none of its
// goroutines and buffers any more.
package sse
