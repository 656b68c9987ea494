package ws

import (
	"encoding/binary"
	"errors"
	"math"
	"unicode/utf8"
)

// opcode is the kind of a frame (RFC 6455, 5.2).
type opcode byte

const (
	opContinuation opcode = 0x0
	opText         opcode = 0x1
	opBinary       opcode = 0x2
	opClose        opcode = 0x8
	opPing         opcode = 0x9
	opPong         opcode = 0xA
)

func (op opcode) control() bool { return op >= opClose }

// Close codes of RFC 6455, 7.4.1.
const (
	codeProtocol    = 1002
	codeUnsupported = 1003
	codeInvalidData = 1007
	codeTooBig      = 1009
)

const (
	finBit           = 0x80
	reservedBits     = 0x70
	maskBit          = 0x80
	maxHeader        = 14
	maxControl       = 125
	maxEmptyFrames   = 1000    // empty fragments of one message
	keptMessageBytes = 4 << 10 // capacity that is kept between messages
)

// event is the result of parsing a client's bytes.
type event struct {
	kind    eventKind
	payload []byte // of a message, ping or pong; the reason of a close frame or of a violation
	code    uint16 // of a close frame, 0 if it has none; for a violation, the code to close with
	packed  int    // size of a message that came compressed, in bytes
}

type eventKind uint8

const (
	needMore  eventKind = iota // no whole event yet
	message                    // a whole text message, in UTF-8
	ping                       // must be answered with a pong
	pong                       //
	closed                     // the client's close frame: it sends no more
	violation                  // the client broke a rule: the connection cannot go on
)

// parser parses a client's bytes, in pieces of any size. It keeps the bytes of one incomplete
// message, and little memory between messages. The zero value with max set is ready.
type parser struct {
	max      int  // size of the largest message, in bytes over all its fragments
	inflates bool // messages may be compressed

	header  [maxHeader]byte // of the current frame, as far as it has come
	headerN int
	frame   frame
	inFrame bool

	control []byte // the received part of a control frame's payload
	message []byte // the received part of a message, over its fragments
	opened  bool   // a message has begun
	packed  bool   // it is compressed
	empty   int    // its empty fragments
	rounds  uint   // how often the parser became idle
	over    bool   // after a close frame or a violation

	lent *inflater // whose memory the last event has; nil: none
}

// frame holds the fields of a frame's header, and how far its payload has come.
type frame struct {
	op   opcode
	fin  bool
	mask [4]byte
	at   int    // index in the mask for the next byte
	left uint64 // bytes that have not come yet
}

// next returns the first event that data completes, and the rest of data. With needMore there is no
// rest. Payloads are unmasked in place. An event's payload is memory of data or of the parser, and
// is valid until the next call, and of a message until release. After a close frame or a violation
// all data is ignored.
func (p *parser) next(data []byte) (event, []byte) {
	for !p.over {
		if !p.inFrame {
			rest, broken := p.begin(data)
			if broken != nil {
				return p.end(*broken), nil
			}
			if data = rest; !p.inFrame {
				return event{}, nil
			}
		}
		n := int(min(p.frame.left, uint64(len(data))))
		chunk := data[:n:n]
		data = data[n:]
		p.unmask(chunk)
		if p.frame.left -= uint64(n); p.frame.left > 0 {
			p.keep(chunk)
			return event{}, nil
		}
		p.inFrame = false
		if e := p.finish(chunk); e.kind != needMore {
			return e, data
		}
	}
	return event{}, nil
}

// idle reports whether no message has begun, not even the first byte of a frame.
func (p *parser) idle() bool { return !p.opened && !p.inFrame && p.headerN == 0 }

// begin collects a frame's header, and begins the frame once the header is complete. Errors are
// found in the first two bytes.
func (p *parser) begin(data []byte) (rest []byte, broken *event) {
	if data = p.gather(data, 2); p.headerN < 2 {
		return nil, nil
	}
	if broken := p.checkStart(); broken != nil {
		return nil, broken
	}
	whole := headerSize(p.header[1])
	if data = p.gather(data, whole); p.headerN < whole {
		return nil, nil
	}
	size, minimal := sizeIn(&p.header)
	if !minimal {
		return nil, breach(codeProtocol, "a length must be written in the fewest bytes")
	}
	p.headerN = 0
	p.inFrame = true
	p.frame = frame{
		op: opcode(p.header[0] & 0x0f), fin: p.header[0]&finBit != 0, mask: [4]byte(p.header[whole-4 : whole]), left: size,
	}
	if p.frame.op == opText {
		p.packed = p.header[0]&deflatedBit != 0
	}
	return data, p.admit(size)
}

// sizeIn returns the payload's size in a complete header, and whether it is encoded as RFC 6455,
// 5.2 requires: in the fewest bytes, and with the highest bit clear.
func sizeIn(header *[maxHeader]byte) (size uint64, minimal bool) {
	switch short := header[1] &^ maskBit; short {
	case 126:
		size = uint64(binary.BigEndian.Uint16(header[2:]))
		return size, size > maxControl
	case 127:
		size = binary.BigEndian.Uint64(header[2:])
		return size, size > math.MaxUint16 && size <= math.MaxInt64
	default:
		return uint64(short), true
	}
}

// gather moves bytes into the header until it has want bytes.
func (p *parser) gather(data []byte, want int) (rest []byte) {
	if p.headerN >= want {
		return data
	}
	n := copy(p.header[p.headerN:want], data)
	p.headerN += n
	return data[n:]
}

func headerSize(second byte) int {
	n := 2
	switch second &^ maskBit {
	case 126:
		n += 2
	case 127:
		n += 8
	}
	if second&maskBit != 0 {
		n += 4
	}
	return n
}

// checkStart checks a header's first two bytes.
func (p *parser) checkStart() *event {
	first, second := p.header[0], p.header[1]
	op := opcode(first & 0x0f)
	switch {
	case first&reservedBits != 0 && !p.mayBePacked(op, first&reservedBits):
		return breach(codeProtocol, "reserved bits are set")
	case op > opPong || op > opBinary && !op.control():
		return breach(codeProtocol, "unknown opcode")
	case second&maskBit == 0:
		return breach(codeProtocol, "a client's frames must be masked")
	case op.control() && (first&finBit == 0 || second&^maskBit > maxControl):
		return breach(codeProtocol, "a control frame must be whole and short")
	case op == opContinuation && !p.opened:
		return breach(codeProtocol, "a continuation of nothing")
	case op == opText && p.opened, op == opBinary && p.opened:
		return breach(codeProtocol, "a message within another")
	case op == opBinary:
		return breach(codeUnsupported, "messages must be text")
	}
	return nil
}

// mayBePacked reports whether a frame of the opcode may have these reserved bits.
func (p *parser) mayBePacked(op opcode, bits byte) bool {
	return p.inflates && bits == deflatedBit && (op == opText || op == opBinary)
}

// admit checks that one more frame of this size does not make the message too large.
func (p *parser) admit(size uint64) *event {
	if p.frame.op.control() {
		return nil
	}
	p.opened = true
	if size > uint64(p.maxReceived()-len(p.message)) {
		return breach(codeTooBig, "a message is too large")
	}
	if size == 0 && !p.frame.fin {
		if p.empty++; p.empty > maxEmptyFrames {
			return breach(codeProtocol, "too many empty fragments")
		}
	}
	return nil
}

// maxReceived returns how many bytes of the current message may come. One that cannot be compressed
// gets a little larger.
func (p *parser) maxReceived() int {
	if p.packed {
		return p.max + p.max>>6 + 64
	}
	return p.max
}

// unmask removes the mask in place, eight bytes at a time.
func (p *parser) unmask(b []byte) {
	f := &p.frame
	for len(b) > 0 && f.at != 0 {
		b[0] ^= f.mask[f.at]
		f.at = (f.at + 1) & 3
		b = b[1:]
	}
	word := uint64(binary.LittleEndian.Uint32(f.mask[:]))
	word |= word << 32
	for len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^word)
		b = b[8:]
	}
	for i := range b {
		b[i] ^= f.mask[i&3]
	}
	f.at = (f.at + len(b)) & 3
}

// keep keeps a part of a payload until the rest has come.
func (p *parser) keep(chunk []byte) {
	if p.frame.op.control() {
		p.control = append(p.control, chunk...)
	} else {
		p.message = append(p.message, chunk...)
	}
}

// finish returns the event that a frame completes with the last chunk of its payload, if it does.
func (p *parser) finish(chunk []byte) event {
	if p.frame.op.control() {
		return p.finishControl(chunk)
	}
	if !p.frame.fin {
		p.keep(chunk)
		return event{}
	}
	text := chunk
	if len(p.message) > 0 {
		text = append(p.message, chunk...)
		p.message = text[:0]
		if cap(text) > keptMessageBytes {
			p.message = nil
		}
	}
	p.opened, p.empty = false, 0
	p.rounds++
	e := event{kind: message, payload: text}
	if p.packed {
		if broken := p.inflate(&e); broken != nil {
			return p.end(*broken)
		}
	}
	if !utf8.Valid(e.payload) {
		return p.end(*breach(codeInvalidData, "a message must be UTF-8"))
	}
	return e
}

// inflate replaces the payload of a message that came compressed.
func (p *parser) inflate(e *event) *event {
	p.release()
	p.lent = inflaters.Get().(*inflater)
	text, err := p.lent.inflate(e.payload, p.max)
	switch {
	case errors.Is(err, errTooLarge):
		return breach(codeTooBig, "a message is too large")
	case err != nil:
		return breach(codeInvalidData, "a message cannot be inflated")
	}
	e.payload, e.packed = text, len(e.payload)
	return nil
}

// release gives back the memory of the last event.
func (p *parser) release() {
	if p.lent != nil {
		p.lent.giveBack()
		p.lent = nil
	}
}

func (p *parser) finishControl(chunk []byte) event {
	payload := chunk
	if len(p.control) > 0 {
		payload = append(p.control, chunk...)
		p.control = nil // control frames rarely come in parts
	}
	if !p.opened {
		p.rounds++
	}
	switch p.frame.op {
	case opPing:
		return event{kind: ping, payload: payload}
	case opPong:
		return event{kind: pong, payload: payload}
	default:
		return p.end(closeEvent(payload))
	}
}

func (p *parser) end(e event) event {
	p.over = true
	p.message, p.control = nil, nil
	p.release()
	return e
}

// closeEvent reads a close frame's payload.
func closeEvent(payload []byte) event {
	if len(payload) == 0 {
		return event{kind: closed}
	}
	if len(payload) == 1 {
		return *breach(codeProtocol, "half a close code")
	}
	code, reason := binary.BigEndian.Uint16(payload), payload[2:]
	switch {
	case !mayBeSent(code):
		return *breach(codeProtocol, "a close code that may not be sent")
	case !utf8.Valid(reason):
		return *breach(codeInvalidData, "a close reason must be UTF-8")
	}
	return event{kind: closed, code: code, payload: reason}
}

// mayBeSent reports whether a close frame may have the code: RFC 6455, 7.4, and later additions of
// IANA's registry.
func mayBeSent(code uint16) bool {
	switch code {
	case 1004, 1005, 1006:
		return false
	}
	return 1000 <= code && code <= 1014 || 3000 <= code && code <= 4999
}

func breach(code uint16, reason string) *event {
	return &event{kind: violation, code: code, payload: []byte(reason)}
}
