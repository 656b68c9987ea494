// Package ws is the socket: it upgrades requests that come by Fiber, reads what clients send, and gives sessions a connection to
// write to.
//
// The WebSocket library does the upgrade and nothing else. After it, bytes to the client come from the session alone, in the order
// that it decides, and bytes from the client go through a parser of our own, which can be fed piecemeal.
package ws

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"github.com/gofiber/contrib/websocket"
	"github.com/gofiber/fiber/v2"

	"github.com/parley-chat/parley/adapters/wire"
	"github.com/parley-chat/parley/ports"
)

// Subprotocol is the one that the service speaks.
const Subprotocol = "parley.v1.json"

// Config is what an Adapter works with. Sessions and Verifier are needed.
type Config struct {
	Sessions ports.Sessions
	Verifier ports.TokenVerifier
	Observer ports.Observer // nil: nobody is told

	Origins     []string      // other web origins that may connect: "https://app.example", or "*" for all
	FrameBytes  int           // the largest message of a client; 0: 64 KiB
	WriteStall  time.Duration // after which a write without progress fails; 0: 10 s
	MessageTime time.Duration // for a message to come as a whole; 0: 10 s
}

// Adapter takes sockets.
type Adapter struct {
	cfg     Config
	origins origins
}

// New returns an adapter.
func New(cfg Config) *Adapter {
	if cfg.Observer == nil {
		cfg.Observer = ports.Unobserved{}
	}
	if cfg.FrameBytes <= 0 {
		cfg.FrameBytes = 64 << 10
	}
	if cfg.WriteStall <= 0 {
		cfg.WriteStall = 10 * time.Second
	}
	if cfg.MessageTime <= 0 {
		cfg.MessageTime = 10 * time.Second
	}
	return &Adapter{cfg: cfg, origins: newOrigins(cfg.Origins)}
}

// openingKey is where the handshake leaves what it found for the connection.
const openingKey = "parley.opening"

// Routes adds the socket's routes.
func (a *Adapter) Routes(r fiber.Router) {
	upgrade := websocket.New(a.serve, websocket.Config{
		Subprotocols:    []string{Subprotocol},
		Origins:         []string{"*"}, // the handshake has checked it
		ReadBufferSize:  512,           // the library does not read
		WriteBufferSize: 512,           // and does not write
	})
	r.Get("/ws", a.handshake, upgrade)
	r.Get("/ws/:room", a.handshake, upgrade)
}

// readBuffers lends buffers to readers: a connection that waits holds one.
var readBuffers = sync.Pool{New: func() any { b := make([]byte, 2<<10); return &b }}

// serve is a connection's life; when it returns nothing uses the connection any more.
func (a *Adapter) serve(w *websocket.Conn) {
	opening, _ := w.Locals(openingKey).(*ports.Opening)
	c := newConn(w.NetConn(), a.cfg.WriteStall)
	defer c.raw.Close()
	if opening == nil {
		return
	}
	session, err := a.cfg.Sessions.Open(c, *opening)
	if err != nil { // it got full since the handshake
		_, _ = c.raw.Write(appendClose(nil, codeTryAgain, "try again later"))
		return
	}
	defer session.Closed()
	r := &reader{adapter: a, conn: c, session: session, parser: parser{most: a.cfg.FrameBytes}}
	defer r.recover()
	r.run()
}

// codeTryAgain is 1013 of the IANA registry of close codes.
const codeTryAgain = 1013

// reader brings what a client sends to its session.
type reader struct {
	adapter *Adapter
	conn    *conn
	session ports.Session
	parser  parser
	ended   bool // nothing that the client sends counts any more
	pong    []byte
}

var _ events = (*reader)(nil)

// recover keeps a panic from the client and from the process.
func (r *reader) recover() {
	if v := recover(); v != nil {
		err := fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		r.adapter.cfg.Observer.Fault(context.Background(), "read from a socket", err)
		r.session.Finish(appendClose(nil, codeInternal, "a fault of the service"), ports.CloseInternal)
		r.drain(nil)
	}
}

func (r *reader) run() {
	lent := readBuffers.Get().(*[]byte)
	defer readBuffers.Put(lent)
	buf := *lent
	var due time.Time // when the message under way must have come as a whole
	for !r.ended {
		n, err := r.conn.in.Read(buf)
		if n > 0 {
			r.session.Heard()
			r.feed(buf[:n])
		}
		switch {
		case err == nil:
		case errors.Is(err, os.ErrDeadlineExceeded) && !due.IsZero() && !r.isClosing():
			r.breaks(&violation{codePolicy, "a message took too long"})
		default:
			return
		}
		if due = r.limit(due); r.isClosing() {
			break
		}
	}
	r.drain(buf)
}

// codePolicy is 1008 of RFC 6455.
const codePolicy = 1008

// limit bounds the time of a message: from its first byte on, whatever comes in between.
func (r *reader) limit(due time.Time) time.Time {
	switch {
	case r.parser.idle() && !due.IsZero():
		r.deadline(time.Time{})
		return time.Time{}
	case !r.parser.idle() && due.IsZero():
		due = time.Now().Add(r.adapter.cfg.MessageTime)
		r.deadline(due)
	}
	return due
}

// deadline sets when reading ends, unless the connection is closing: then Close has set it.
func (r *reader) deadline(at time.Time) {
	if !r.isClosing() {
		_ = r.conn.raw.SetReadDeadline(at)
	}
	if r.isClosing() { // it began meanwhile
		_ = r.conn.raw.SetReadDeadline(time.Now().Add(goodbye))
	}
}

func (r *reader) isClosing() bool {
	select {
	case <-r.conn.closing:
		return true
	default:
		return false
	}
}

// feed gives bytes to the parser, waiting where the session wants no more for now.
func (r *reader) feed(data []byte) {
	for len(data) > 0 && !r.ended {
		rest, stopped, err := r.parser.feed(data, r)
		if err != nil {
			r.breaks(err)
			return
		}
		if data = rest; stopped && !r.ended {
			select {
			case <-r.conn.resumed:
			case <-r.conn.closing:
				r.ended = true
			}
		}
	}
}

// breaks ends the session of a client that broke the transport's rules.
func (r *reader) breaks(v *violation) {
	r.ended = true
	r.session.Finish(appendClose(nil, v.code, v.reason), ports.CloseProtocol)
}

// drain waits until the session has written its last, and reads what the client still sends, to no use: a connection that is closed
// with bytes unread is reset, and the client might never see the close frame.
func (r *reader) drain(buf []byte) {
	<-r.conn.closing
	if r.conn.dead.Load() || buf == nil {
		return
	}
	if half, ok := r.conn.raw.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	for end := time.Now().Add(goodbye); time.Now().Before(end); {
		_ = r.conn.raw.SetReadDeadline(end)
		if _, err := r.conn.in.Read(buf); err != nil {
			return
		}
	}
}

// message implements events.
func (r *reader) message(text []byte) (more bool) {
	return r.session.Command(context.Background(), wire.Decode(text))
}

// ping implements events.
func (r *reader) ping(payload []byte) {
	r.pong = appendControl(r.pong[:0], opPong, payload)
	r.session.Reply(r.pong)
}

// closed implements events.
func (r *reader) closed(code uint16, reason []byte) {
	r.ended = true
	if code == codeNoStatus {
		r.session.Finish(appendControl(nil, opClose, nil), ports.CloseGone)
		return
	}
	r.session.Finish(appendClose(nil, code, string(reason)), ports.CloseGone)
}
