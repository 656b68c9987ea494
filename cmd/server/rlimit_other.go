//go:build !unix

package server

// mostSessions is a number that a machine of any size can hold, as this system has no limit to go by.
func mostSessions() int { return 10_000 }
