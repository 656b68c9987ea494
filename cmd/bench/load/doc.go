// Package load drives many WebSocket connections from one goroutine, at so little cost that it does
// not limit a benchmark: all sockets are in one epoll (kqueue on macOS), they share one buffer, and
// frames are parsed in place.
//
// A Loop's connections, handlers and timers run in that goroutine; nothing may be used from another
// one.
package load
