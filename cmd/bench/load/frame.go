package load

import "encoding/binary"

// Opcodes of RFC 6455, section 5.2.
const (
	opText  = 0x1
	opClose = 0x8
	opPing  = 0x9
	opPong  = 0xA

	compressed = 0x40 // RSV1 of RFC 7692; kept beside the opcode
)

// mask is the mask of every frame. RFC 6455 requires unpredictable masks because of intermediaries,
// and here are none; for the server the cost is the same.
var mask = [4]byte{0x37, 0xfa, 0x21, 0x3d}

// appendFrame appends a client's frame.
func appendFrame(dst []byte, op byte, payload []byte) []byte {
	dst = append(dst, 0x80|op)
	switch n := len(payload); {
	case n < 126:
		dst = append(dst, 0x80|byte(n))
	case n < 1<<16:
		dst = binary.BigEndian.AppendUint16(append(dst, 0x80|126), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, 0x80|127), uint64(n))
	}
	dst = append(dst, mask[:]...)
	start := len(dst)
	dst = append(dst, payload...)
	for i := range dst[start:] {
		dst[start+i] ^= mask[i&3]
	}
	return dst
}

// nextFrame reads a server's frame at the front of b. size is 0 if the frame is incomplete, and -1
// if it is invalid.
func nextFrame(b []byte) (op byte, payload []byte, size int) {
	if len(b) < 2 {
		return 0, nil, 0
	}
	head, n := 2, int(b[1])
	switch {
	case n == 126:
		if len(b) < 4 {
			return 0, nil, 0
		}
		head, n = 4, int(binary.BigEndian.Uint16(b[2:]))
	case n == 127:
		if len(b) < 10 {
			return 0, nil, 0
		}
		long := binary.BigEndian.Uint64(b[2:])
		if long > 1<<30 {
			return 0, nil, -1
		}
		head, n = 10, int(long)
	case n > 127: // masked
		return 0, nil, -1
	}
	if b[0]&0xb0 != 0x80 { // fragments and other extensions are not supported
		return 0, nil, -1
	}
	if len(b)-head < n {
		return 0, nil, 0
	}
	return b[0] & (0x0f | compressed), b[head : head+n], head + n
}
