//go:build !unix

package server

// maxSessions is a number that a machine of any size can hold, as this system has no limit to go
// by.
func maxSessions() int { return 10_000 }
