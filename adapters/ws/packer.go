package ws

import (
	"bytes"
	"encoding/binary"
	"sync"

	"github.com/klauspost/compress/flate"

	"github.com/parley-chat/parley/ports"
)

// Packer packs frames by permessage-deflate (RFC 7692).
//
// Connections have no compressor. What a client's inflater remembers is the text of the last
// messages that were compressed. A packed frame of a chain refers back to the frames before it in
// the chain, and to nothing else. So it is the same for all clients that have got these, and it is
// made once for all of them.
type Packer struct{}

var _ ports.Packer = Packer{}

const (
	// packWindow is how far packed frames refer back, in bytes: the smallest window of clients that
	// get them. Python's websockets library asks for this one.
	packWindow = 4 << 10

	minPackedAlone = 256 // bytes of a message; a smaller one hardly gets smaller by itself

	deflatedBit = 0x40 // RSV1: the message is compressed
	tailBytes   = 4    // of the empty block at the end, which is left out (RFC 7692, 7.2.1)
)

// packing is the memory of one call.
type packing struct {
	before []byte
	out    bytes.Buffer
	small  []byte
	fixed  fixed
}

var packings = sync.Pool{New: func() any { return new(packing) }}

// Alone implements ports.Packer.
func (Packer) Alone(dst, frame []byte) (_ []byte, packed bool) {
	text, ok := textOf(frame)
	if !ok || len(text) < minPackedAlone {
		return append(dst, frame...), false
	}
	p := packings.Get().(*packing)
	defer packings.Put(p)
	p.before = p.before[:0]
	if p.deflate(text); p.out.Len() >= len(text) {
		return append(dst, frame...), false
	}
	return seal(dst, p.out.Bytes()), true
}

// Chained implements ports.Packer.
func (Packer) Chained(dst, before, frame []byte) (_ []byte, packed bool) {
	text, ok := textOf(frame)
	if !ok {
		return append(dst, frame...), false
	}
	p := packings.Get().(*packing)
	defer packings.Put(p)
	p.before = p.before[:0]
	for len(before) > 0 {
		size := frameSize(before)
		earlier, _ := textOf(before[:size])
		p.before, before = append(p.before, earlier...), before[size:]
	}
	if small := p.repeats(text); small != nil {
		return seal(dst, small), true
	}
	p.deflate(text)
	return seal(dst, p.out.Bytes()), true
}

// ChainBytes implements ports.Packer.
func (Packer) ChainBytes() int { return packWindow }

// repeats deflates a small text that mostly repeats what was before. It returns nil for others.
func (p *packing) repeats(text []byte) []byte {
	from := len(p.before)
	if len(text) > fixedText || from+len(text) > packWindow {
		return nil
	}
	p.before = append(p.before, text...)
	small := p.fixed.deflate(p.small[:0], p.before, from)
	if p.before = p.before[:from]; small != nil {
		p.small = small
	}
	return small
}

// deflate compresses a text into p.out, in pieces, so that nothing refers back further than
// packWindow.
func (p *packing) deflate(text []byte) {
	p.out.Reset()
	before := p.before
	for len(text) > 0 {
		n := min(len(text), packWindow)
		if len(before)+n > packWindow {
			before = nil
		}
		_ = flate.StatelessDeflate(&p.out, text[:n], false, before) // a buffer takes all
		text, before = text[n:], nil
	}
	p.out.Truncate(p.out.Len() - tailBytes)
}

// seal appends the frame of a deflated message.
func seal(dst, deflated []byte) []byte {
	const first = finBit | deflatedBit | byte(opText)
	size := len(deflated)
	switch {
	case size < 126:
		dst = append(dst, first, byte(size))
	case size <= 0xffff:
		dst = binary.BigEndian.AppendUint16(append(dst, first, 126), uint16(size))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, first, 127), uint64(size))
	}
	return append(dst, deflated...)
}

// frameSize returns the size of the first of several frames of ours.
func frameSize(frames []byte) int {
	size, head := payloadSize(frames)
	return head + size
}

// payloadSize returns the sizes of a frame's payload and header. It has no mask.
func payloadSize(frame []byte) (size, head int) {
	switch short := int(frame[1]); short {
	case 126:
		return int(binary.BigEndian.Uint16(frame[2:])), 4
	case 127:
		return int(binary.BigEndian.Uint64(frame[2:])), 10
	default:
		return short, 2
	}
}

// textOf returns the payload of a frame that is a whole text message, and not empty.
func textOf(frame []byte) (text []byte, ok bool) {
	if len(frame) < 2 || frame[0] != finBit|byte(opText) {
		return nil, false
	}
	size, head := payloadSize(frame)
	return frame[head:], size > 0
}
