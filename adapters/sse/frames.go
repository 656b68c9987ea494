package sse

import (
	"encoding/binary"
	"errors"
)

// frame is one frame that a session writes: a WebSocket frame of a server (RFC 6455, 5.2). It is
// complete, and not masked.
type frame struct {
	op      byte
	payload []byte
}

const (
	opText  = 0x1
	opClose = 0x8
	opPing  = 0x9
	opPong  = 0xA
)

// nudge is a frame without content. It makes a session write to its Conn.
var nudge = []byte{0x80 | opPong, 0}

var errFrame = errors.New("the session writes frames of another kind than sockets take")

// nextFrame returns the first frame in p, and its size with the header.
func nextFrame(p []byte) (f frame, size int, err error) {
	if len(p) < 2 || p[0]&0xf0 != 0x80 || p[1] > 127 {
		return f, 0, errFrame
	}
	head, n := 2, uint64(p[1])
	switch {
	case n == 126 && len(p) >= 4:
		head, n = 4, uint64(binary.BigEndian.Uint16(p[2:]))
	case n == 127 && len(p) >= 10:
		head, n = 10, binary.BigEndian.Uint64(p[2:])
	case n > 125:
		return f, 0, errFrame
	}
	if n > uint64(len(p)-head) {
		return f, 0, errFrame
	}
	size = head + int(n)
	return frame{op: p[0] & 0x0f, payload: p[head:size]}, size, nil
}
