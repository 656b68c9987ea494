package ws

import (
	"encoding/binary"
	"math/bits"
)

// A small text that repeats most of the window is deflated in one block with the fixed codes (RFC
// 1951, 3.2.6): codes of its own would take more bytes than they save, and most of the time.
const (
	fixedText = 1 << 10 // bytes of a text that is tried so
	fixedMost = 192     // bytes that may come out; else codes of its own may save some

	minMatch, maxMatch = 4, 258
	candidates         = 8 // places in the window that are compared for a match
	slotBits           = 11
)

// fixed is the memory of fixed codes: where the same four bytes were before.
type fixed struct {
	last [1 << slotBits]uint16 // of those with this hash: the last place + 1
	prev [packWindow]uint16    // of each place: the one before it with the same hash, + 1
	bits uint64                // that are not written yet
	n    uint                  // how many
}

// deflate appends the block, and the beginning of an empty one behind it, up to its tail. text
// begins at from, behind its window. It returns nil if there are too many bytes.
func (f *fixed) deflate(dst, all []byte, from int) []byte {
	clear(f.last[:])
	f.bits, f.n = 0, 0
	first := len(dst)
	for at := range min(from, len(all)-minMatch+1) {
		f.note(all, at)
	}
	dst = f.put(dst, 0b010, 3) // not the last block; fixed codes
	for at := from; at < len(all); {
		if len(dst)-first > fixedMost {
			return nil
		}
		length, distance := f.match(all, at)
		if length == 0 {
			dst = f.literal(dst, all[at])
			length = 1
		} else {
			dst = f.reference(dst, length, distance)
		}
		for end := at + length; at < end; at++ {
			f.note(all, at)
		}
	}
	dst = f.put(dst, 0, 7) // the end of the block
	dst = f.put(dst, 0, 3) // an empty one, without codes
	return f.put(dst, 0, (8-f.n%8)%8)
}

// note notes what is at a place.
func (f *fixed) note(all []byte, at int) {
	if at+minMatch <= len(all) {
		slot := slotOf(all[at:])
		f.prev[at], f.last[slot] = f.last[slot], uint16(at+1)
	}
}

func slotOf(four []byte) uint32 {
	return binary.LittleEndian.Uint32(four) * 0x9e3779b1 >> (32 - slotBits)
}

// match returns the longest match of what is at a place with something before it.
func (f *fixed) match(all []byte, at int) (length, distance int) {
	if at+minMatch > len(all) {
		return 0, 0
	}
	here := all[at:min(len(all), at+maxMatch)]
	place := f.last[slotOf(here)]
	for range candidates {
		if place == 0 {
			break
		}
		n := 0
		for there := all[place-1:]; n < len(here) && there[n] == here[n]; {
			n++
		}
		if n >= minMatch && n > length {
			length, distance = n, at-int(place-1)
		}
		place = f.prev[place-1]
	}
	return length, distance
}

// put appends the n lowest bits of a number, the lowest first.
func (f *fixed) put(dst []byte, value uint32, n uint) []byte {
	f.bits |= uint64(value&(1<<n-1)) << f.n
	for f.n += n; f.n >= 8; f.n -= 8 {
		dst = append(dst, byte(f.bits))
		f.bits >>= 8
	}
	return dst
}

// code appends a code, whose bits come the highest first.
func (f *fixed) code(dst []byte, code uint32, n uint) []byte {
	return f.put(dst, bits.Reverse32(code)>>(32-n), n)
}

func (f *fixed) literal(dst []byte, b byte) []byte {
	if b < 144 {
		return f.code(dst, 0x30+uint32(b), 8)
	}
	return f.code(dst, 0x190+uint32(b)-144, 9)
}

func (f *fixed) reference(dst []byte, length, distance int) []byte {
	symbol, extra := symbolOf(length-3, 4)
	switch symbol += 257; {
	case length == maxMatch:
		dst = f.code(dst, 0xc0+285-280, 8)
	case symbol < 280:
		dst = f.put(f.code(dst, symbol-256, 7), uint32(length-3), extra)
	default:
		dst = f.put(f.code(dst, 0xc0+symbol-280, 8), uint32(length-3), extra)
	}
	symbol, extra = symbolOf(distance-1, 2)
	return f.put(f.code(dst, symbol, 5), uint32(distance-1), extra)
}

// symbolOf returns the symbol of a number, and how many of its lowest bits follow that. Each power
// of two has as many symbols as group, and the numbers below 2·group one each (RFC 1951, 3.2.5).
func symbolOf(n int, group int) (symbol uint32, extra uint) {
	if n < 2*group {
		return uint32(n), 0
	}
	shift := bits.Len(uint(group))
	extra = uint(bits.Len(uint(n)) - shift)
	return uint32(int(extra)*group + n>>extra), extra
}
