// Package load drives many WebSocket connections from one goroutine, cheaply enough not to be what
// a benchmark measures: sockets in one epoll (kqueue on a Mac), one buffer for all of them, frames
// looked at where they lie.
//
// A Loop's connections, its handlers and its timers are all of that one goroutine; nothing here is
// for use from another.
package load
