// Package edge has what sockets and the HTTP API have in common for requests: tokens, origins,
// numbers in the query, and error answers.
package edge
