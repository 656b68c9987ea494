package load

import (
	"strconv"
)

// RawWrite is the dialect of the server in cmd/bench/peers/rawwrite, whose entries look like
// Parley's.
type RawWrite struct{}

var _ Dialect = RawWrite{}

// Path implements Dialect.
func (RawWrite) Path(string, int) string { return "/ws" }

// Header implements Dialect.
func (RawWrite) Header(string) []string { return nil }

// Open implements Dialect.
func (RawWrite) Open(dst []byte, _ string) []byte { return dst }

// Join implements Dialect: all connections are in the only room.
func (RawWrite) Join(dst []byte, _ int, _ string, _ int) []byte { return dst }

// Send implements Dialect.
func (RawWrite) Send(dst []byte, id int, _, body string) []byte {
	dst = strconv.AppendInt(append(dst, `{"id":"`...), int64(id), 10)
	dst = append(append(dst, `","body":"`...), body...)
	return append(dst, `"}`...)
}

// Ping implements Dialect.
func (RawWrite) Ping(dst, _ []byte) []byte { return dst }

// Next implements Dialect.
func (RawWrite) Next(payload []byte) (Message, []byte) {
	m, rest := Parley{}.Next(payload)
	if m.Kind == Other {
		m.Kind = Accepted // an ok without more
	}
	return m, rest
}
