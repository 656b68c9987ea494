//go:build !unix

package server

// maxSessions is a number that any machine can hold, because this system has no limit on files to
// derive it from.
func maxSessions() int { return 10_000 }
