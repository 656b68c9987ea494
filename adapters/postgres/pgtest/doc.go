// Package pgtest gives tests a real PostgreSQL. Tests are never skipped: if there is no server, the
// test fails and says what to install.
//
//	func TestAppend(t *testing.T) {
//		t.Parallel()
//		store := open(t, pgtest.URL(t)) // an empty database of its own
//	}
//
// URL shares one throwaway server among all tests of the process. Start gives a test a server of
// its own, to stop, start again and freeze.
//
// A server has a temporary directory, listens on a free port of 127.0.0.1, and asks for a password
// that only the test process knows. PostgreSQL refuses to run as root. So if the tests run as root,
// it runs as the user postgres, or as nobody if there is no such user.
//
// # How a server ends
//
// A test process can end without cleaning up: by a panic, a timeout, SIGKILL. So each server has a
// keeper: a shell that reads a pipe whose other end only the test process holds. However the test
// process ends, the pipe is closed. Then the keeper stops the server and removes its directory. A
// keeper has its own process group, so that signals to the group of the tests do not reach it. It
// needs no goroutine in the test process that a leak check would find.
//
//	test process ──(pipe, never written)──► keeper (sh) ── at its end: pg_ctl stop, rm
//	     └── pg_ctl start | stop ──► postgres ◄──┘
//
// It runs on Linux and macOS, with PostgreSQL 13 or newer.
package pgtest
