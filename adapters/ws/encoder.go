package ws

import (
	"encoding/binary"

	"github.com/parley-chat/parley/adapters/wire"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// Encoder makes frames for a socket: a WebSocket frame header and protocol v1's JSON. A server's
// frames are not masked.
type Encoder struct{}

var _ ports.Encoder = Encoder{}

// Entry implements ports.Encoder.
func (Encoder) Entry(dst []byte, entry *chat.Entry) []byte {
	start := len(dst)
	return sealText(wire.AppendEntry(append(dst, reserved[:]...), entry), start)
}

// Frame implements ports.Encoder.
func (Encoder) Frame(dst []byte, frame ports.Frame) []byte {
	switch f := frame.(type) {
	case ports.Heartbeat:
		return appendControl(dst, opPing, nil)
	case ports.CloseFrame:
		code, reason := wire.CloseCode(f.Reason)
		return appendClose(dst, code, reason)
	}
	start := len(dst)
	return sealText(wire.AppendFrame(append(dst, reserved[:]...), frame), start)
}

// reserved is space for the header of a message of 126 to 65,535 bytes, which most are.
var reserved [4]byte

// sealText writes the header of a message whose payload follows the reserved bytes at start. If the
// header has another size, it moves the payload: a short one down, a very long one up.
func sealText(dst []byte, start int) []byte {
	const first = finBit | byte(opText)
	payload := dst[start+len(reserved):]
	size := len(payload)
	switch {
	case size < 126:
		dst[start], dst[start+1] = first, byte(size)
		copy(dst[start+2:], payload)
		return dst[:start+2+size]
	case size <= 0xffff:
		dst[start], dst[start+1] = first, 126
		binary.BigEndian.PutUint16(dst[start+2:], uint16(size))
		return dst
	default:
		dst = append(dst, 0, 0, 0, 0, 0, 0)
		copy(dst[start+10:], dst[start+len(reserved):start+len(reserved)+size])
		dst[start], dst[start+1] = first, 127
		binary.BigEndian.PutUint64(dst[start+2:], uint64(size))
		return dst
	}
}

// appendControl appends a control frame; its payload may have at most 125 bytes.
func appendControl(dst []byte, op opcode, payload []byte) []byte {
	dst = append(dst, finBit|byte(op), byte(len(payload)))
	return append(dst, payload...)
}

func appendClose(dst []byte, code uint16, reason string) []byte {
	dst = append(dst, finBit|byte(opClose), byte(2+len(reason)))
	dst = binary.BigEndian.AppendUint16(dst, code)
	return append(dst, reason...)
}

// closeAnswer answers a client's close frame, by its code if it has one.
func closeAnswer(code uint16) []byte {
	if code == 0 {
		return appendControl(nil, opClose, nil)
	}
	return appendClose(nil, code, "")
}
