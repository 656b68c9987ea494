package ws

import (
	"encoding/binary"
	"unicode/utf8"
)

// opcode is what a frame is (RFC 6455, 5.2).
type opcode byte

const (
	opContinuation opcode = 0x0
	opText         opcode = 0x1
	opBinary       opcode = 0x2
	opClose        opcode = 0x8
	opPing         opcode = 0x9
	opPong         opcode = 0xA
)

// Close codes of RFC 6455, 7.4.1.
const (
	codeNormal       = 1000
	codeProtocol     = 1002
	codeUnsupported  = 1003
	codeNoStatus     = 1005
	codeInvalidData  = 1007
	codeTooBig       = 1009
	codeInternal     = 1011
	mostControl      = 125
	mostEmptyFrames  = 1000 // continuation frames without a byte in one message
	maxHeader        = 14
	keptMessageBytes = 4 << 10
)

// violation is a client's breach of the transport's rules, and the close code that it has.
type violation struct {
	code   uint16
	reason string
}

func (v *violation) Error() string { return v.reason }

// parser takes a client's bytes as they come, cut anywhere, and tells of whole messages and control frames. It keeps one message at
// a time, and no memory between messages but a little.
type parser struct {
	most int // the largest message, in bytes over all its fragments

	header  [maxHeader]byte
	headerN int
	frame   frameHeader
	inFrame bool
	left    int64 // of the frame's payload
	maskPos int

	control []byte // payload of the control frame under way
	message []byte // of the message under way
	opened  bool   // a message is under way
	empty   int    // continuation frames without a byte in it
}

type frameHeader struct {
	fin    bool
	op     opcode
	masked bool
	mask   [4]byte
}

// events takes what a parser finds. The bytes are the parser's: they hold until the call returns.
type events interface {
	message(text []byte) bool          // false: stop for now
	ping(payload []byte)               // to be answered by a pong
	closed(code uint16, reason []byte) // the client's close frame; codeNoStatus without a code
}

// feed takes bytes, unmasking them in place, and returns what is left of them when to said to stop. After an error or a close frame
// the parser takes no more.
func (p *parser) feed(data []byte, to events) (rest []byte, stopped bool, err *violation) {
	for len(data) > 0 {
		if !p.inFrame {
			var done bool
			if data, done, err = p.readHeader(data); err != nil || !done {
				return nil, false, err
			}
			if p.left > 0 {
				continue
			}
		} else {
			n := int(min(p.left, int64(len(data))))
			chunk := data[:n]
			data = data[n:]
			p.unmask(chunk)
			p.left -= int64(n)
			if p.frame.op >= opClose {
				p.control = append(p.control, chunk...)
			} else {
				p.message = append(p.message, chunk...)
			}
		}
		if p.left > 0 {
			continue
		}
		p.inFrame = false
		more, err := p.endFrame(to)
		if err != nil {
			return nil, false, err
		}
		if !more {
			return data, true, nil
		}
	}
	return nil, false, nil
}

// readHeader gathers a frame's header, and checks it.
func (p *parser) readHeader(data []byte) (rest []byte, done bool, err *violation) {
	for len(data) > 0 {
		p.header[p.headerN] = data[0]
		p.headerN++
		data = data[1:]
		if p.headerN == 2 {
			if err := p.checkStart(); err != nil {
				return nil, false, err
			}
		}
		if p.headerN >= 2 && p.headerN == headerSize(p.header[1]) {
			p.headerN = 0
			return data, true, p.begin()
		}
	}
	return nil, false, nil
}

func headerSize(second byte) int {
	n := 2
	switch second & 0x7f {
	case 126:
		n += 2
	case 127:
		n += 8
	}
	if second&0x80 != 0 {
		n += 4
	}
	return n
}

// checkStart checks what a header's first two bytes say, before its length is known.
func (p *parser) checkStart() *violation {
	first, second := p.header[0], p.header[1]
	op := opcode(first & 0x0f)
	fin := first&0x80 != 0
	switch {
	case first&0x70 != 0:
		return &violation{codeProtocol, "reserved bits are set"}
	case second&0x80 == 0:
		return &violation{codeProtocol, "a client's frames must be masked"}
	case op > opPong || op > opBinary && op < opClose:
		return &violation{codeProtocol, "unknown opcode"}
	case op >= opClose && (!fin || second&0x7f > mostControl):
		return &violation{codeProtocol, "a control frame must be whole and short"}
	case op == opContinuation && !p.opened:
		return &violation{codeProtocol, "a continuation of nothing"}
	case (op == opText || op == opBinary) && p.opened:
		return &violation{codeProtocol, "a new message within another"}
	case op == opBinary:
		return &violation{codeUnsupported, "messages must be text"}
	}
	return nil
}

func (p *parser) begin() *violation {
	second := p.header[1]
	at := 2
	size := uint64(second & 0x7f)
	switch size {
	case 126:
		size = uint64(binary.BigEndian.Uint16(p.header[2:]))
		at = 4
	case 127:
		size = binary.BigEndian.Uint64(p.header[2:])
		at = 10
		if size>>63 != 0 {
			return &violation{codeProtocol, "a length that cannot be"}
		}
	}
	p.frame = frameHeader{fin: p.header[0]&0x80 != 0, op: opcode(p.header[0] & 0x0f)}
	copy(p.frame.mask[:], p.header[at:at+4])
	p.maskPos = 0
	if p.frame.op < opClose {
		if size > uint64(p.most-len(p.message)) {
			return &violation{codeTooBig, "a message is too large"}
		}
		if size == 0 && !p.frame.fin {
			if p.empty++; p.empty > mostEmptyFrames {
				return &violation{codeProtocol, "too many empty fragments"}
			}
		}
		p.opened = true
	}
	p.inFrame, p.left = true, int64(size)
	return nil
}

// unmask undoes the mask in place, eight bytes at a time where there are as many.
func (p *parser) unmask(b []byte) {
	m := p.frame.mask
	for len(b) > 0 && p.maskPos&3 != 0 {
		b[0] ^= m[p.maskPos&3]
		p.maskPos++
		b = b[1:]
	}
	if len(b) == 0 {
		return
	}
	word := binary.LittleEndian.Uint32(m[:])
	mask := uint64(word)<<32 | uint64(word)
	for len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^mask)
		b = b[8:]
	}
	for i := range b {
		b[i] ^= m[i&3]
	}
	p.maskPos = len(b) & 3
}

// endFrame tells of what a whole frame completes.
func (p *parser) endFrame(to events) (more bool, err *violation) {
	switch p.frame.op {
	case opPing:
		to.ping(p.control)
		p.control = p.control[:0]
		return true, nil
	case opPong:
		p.control = p.control[:0]
		return true, nil
	case opClose:
		code, reason, err := closePayload(p.control)
		if err != nil {
			return false, err
		}
		to.closed(code, reason)
		return false, nil
	}
	if !p.frame.fin {
		return true, nil
	}
	if !utf8.Valid(p.message) {
		return false, &violation{codeInvalidData, "a message must be UTF-8"}
	}
	more = to.message(p.message)
	p.opened, p.empty = false, 0
	if cap(p.message) > keptMessageBytes {
		p.message = nil
	} else {
		p.message = p.message[:0]
	}
	return more, nil
}

// idle reports whether no message is under way.
func (p *parser) idle() bool { return !p.opened && !p.inFrame && p.headerN == 0 }

func closePayload(b []byte) (code uint16, reason []byte, err *violation) {
	if len(b) == 0 {
		return codeNoStatus, nil, nil
	}
	if len(b) == 1 {
		return 0, nil, &violation{codeProtocol, "half a close code"}
	}
	code = binary.BigEndian.Uint16(b)
	switch {
	case code >= 3000 && code <= 4999:
	case code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006:
	default:
		return 0, nil, &violation{codeProtocol, "a close code that may not be sent"}
	}
	if !utf8.Valid(b[2:]) {
		return 0, nil, &violation{codeInvalidData, "a close reason must be UTF-8"}
	}
	return code, b[2:], nil
}
