// Package edge is what sockets and the HTTP API do alike with a request: who calls and from which
// page, numbers in its query, and an answer that is an error.
package edge
