// Package edge has what sockets, streams and the HTTP API have in common for requests: tokens,
// origins, numbers in the query, error answers, and the taking of connections.
package edge
