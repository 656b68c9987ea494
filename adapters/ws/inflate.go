package ws

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"sync"
)

// inflater restores messages that clients compressed. It has about 45 KiB, so connections borrow
// one for a message. That is possible because clients compress each message by itself: the
// handshake demands it (client_no_context_takeover).
type inflater struct {
	packed bytes.Reader
	in     []byte
	out    []byte
	flate  io.ReadCloser // of packed
}

const keptInflated = 16 << 10 // capacity of buffers that is kept between messages

// tail ends the deflated bytes of a message: the empty block that senders leave out (RFC 7692,
// 7.2.2), and an empty last block, so that the stream has an end.
var tail = []byte{0, 0, 0xff, 0xff, 1, 0, 0, 0xff, 0xff}

var inflaters = sync.Pool{New: func() any {
	i := &inflater{}
	i.flate = flate.NewReader(&i.packed)
	return i
}}

var errTooLarge = errors.New("the message is too large")

// inflate returns the text of a message, in memory of the inflater. If the text has more than limit
// bytes, it fails with errTooLarge, and stops right there: a small message may stand for a very
// large one.
func (i *inflater) inflate(payload []byte, limit int) ([]byte, error) {
	i.in = append(append(i.in[:0], payload...), tail...)
	i.packed.Reset(i.in)
	if err := i.flate.(flate.Resetter).Reset(&i.packed, nil); err != nil {
		return nil, err
	}
	for i.out = i.out[:0]; ; {
		if len(i.out) == cap(i.out) {
			i.out = append(i.out, 0)[:len(i.out)]
		}
		n, err := i.flate.Read(i.out[len(i.out):cap(i.out)])
		i.out = i.out[:len(i.out)+n]
		switch {
		case len(i.out) > limit:
			return nil, errTooLarge
		case errors.Is(err, io.EOF):
			return i.out, nil
		case err != nil:
			return nil, err
		}
	}
}

// giveBack lets another connection use the inflater. The text that it returned is not valid any
// more.
func (i *inflater) giveBack() {
	if cap(i.in) > keptInflated {
		i.in = nil
	}
	if cap(i.out) > keptInflated {
		i.out = nil
	}
	i.packed.Reset(nil)
	inflaters.Put(i)
}
