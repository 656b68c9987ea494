//go:build linux || darwin

package load

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
)

// inflating is what a loop needs to read compressed messages (RFC 7692).
//
// Inflating each would take more time than the server takes to send them. The server sends the same
// bytes to many clients, so a text is inflated for the first of them, and looked up for others that
// have got the same messages before. Each client keeps its own window. One in honestClients
// inflates everything, and compares.
type inflating struct {
	texts  map[packed]inflated
	states uint64
	reader bytes.Reader
	flate  io.ReadCloser
	stream []byte
}

// packed is a compressed message, after those that made up a state of a client's window.
type packed struct {
	state   uint64
	payload string
}

type inflated struct {
	text  []byte
	state uint64 // after it
}

const (
	honestClients = 50
	maxWindow     = 32 << 10
	maxTexts      = 4096 // then all are forgotten
)

// streamTail ends the bytes of a message: the empty block that senders leave out, and a last one.
var streamTail = []byte{0, 0, 0xff, 0xff, 1, 0, 0, 0xff, 0xff}

var errInflated = errors.New("a compressed message has another text than for another client")

// text returns the text of a compressed message.
func (i *inflating) text(c *Client, payload []byte) ([]byte, error) {
	is, known := i.texts[packed{c.texts, string(payload)}]
	if !known || c.Index%honestClients == 0 {
		own, err := i.inflate(c.window, payload)
		if err != nil {
			return nil, fmt.Errorf("inflate: %w", err)
		}
		switch {
		case !known:
			if len(i.texts) >= maxTexts {
				clear(i.texts)
			}
			i.states++
			is = inflated{own, i.states}
			i.texts[packed{c.texts, string(payload)}] = is
		case !bytes.Equal(is.text, own):
			return nil, errInflated
		}
	}
	text := is.text
	c.texts = is.state
	if len(c.window)+len(text) > 2*maxWindow {
		kept := copy(c.window, c.window[len(c.window)-min(maxWindow, len(c.window)):])
		c.window = c.window[:kept]
	}
	c.window = append(c.window, text...)
	return text, nil
}

func (i *inflating) inflate(window, payload []byte) ([]byte, error) {
	if i.flate == nil {
		i.flate = flate.NewReader(&i.reader)
	}
	i.stream = append(append(i.stream[:0], payload...), streamTail...)
	i.reader.Reset(i.stream)
	if err := i.flate.(flate.Resetter).Reset(&i.reader, window[max(0, len(window)-maxWindow):]); err != nil { //nolint:forcetypeassert // it always is
		return nil, err
	}
	return io.ReadAll(i.flate)
}
