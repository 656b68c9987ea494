// Package caller reads what sockets and the HTTP API must read alike of a request: who calls, and
// from which page.
package caller
