package ws

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofiber/contrib/websocket"
	"github.com/gofiber/fiber/v2"

	"github.com/parley-chat/parley/adapters/edge"
	"github.com/parley-chat/parley/adapters/wire"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// Subprotocol is the WebSocket subprotocol of the service.
const Subprotocol = "parley.v1.json"

// Config is what an Adapter works with. Sessions and Verifier are needed.
type Config struct {
	Sessions ports.Sessions
	Verifier ports.TokenVerifier
	Observer ports.SocketObserver // may be nil
	// The client's address, for the log; nil: that of the connection.
	Client func(*fiber.Ctx) string

	// Compress accepts the offer of clients to compress (RFC 7692).
	Compress bool

	// Polled makes connections work without a goroutine each if possible: with plain TCP, if
	// CanPoll is true. It does not affect others.
	Polled bool

	Origins     []string      // other web origins that may connect, in the form of edge.ParseOrigin
	FrameBytes  int           // max size of a client's message, over all its fragments; 0: 64 KiB
	WriteStall  time.Duration // how long a write may make no progress; 0: 10 s
	MessageTime time.Duration // how long a message may take to arrive; 0: 10 s
	VerifyTime  time.Duration // how long the verification of a handshake's token may take; 0: 10 s
	Handshakes  int           // max concurrent handshakes; others are told to try again; 0: 1,000
}

func (c Config) withDefaults() Config {
	if c.Observer == nil {
		c.Observer = ports.Unobserved{}
	}
	if c.Client == nil {
		c.Client = func(ctx *fiber.Ctx) string { return ctx.Context().RemoteIP().String() }
	}
	if c.FrameBytes <= 0 {
		c.FrameBytes = 64 << 10
	}
	if c.Handshakes <= 0 {
		c.Handshakes = 1000
	}
	for _, d := range []*time.Duration{&c.WriteStall, &c.MessageTime, &c.VerifyTime} {
		if *d <= 0 {
			*d = 10 * time.Second
		}
	}
	return c
}

// Adapter accepts sockets.
type Adapter struct {
	cfg     Config
	origins edge.Origins
	live    living
	shaking atomic.Int64 // handshakes under way
	poller  poller
}

// New returns an adapter. An invalid origin in cfg.Origins is ignored.
func New(cfg Config) *Adapter {
	return &Adapter{cfg: cfg.withDefaults(), origins: edge.NewOrigins(cfg.Origins)}
}

// openingKey is the key under which the handshake stores its results for the connection.
const openingKey = "parley.opening"

// Routes adds the socket's routes. The app's server must leave connections to who takes them, as
// edge.Keeps says: they outlive the handler that upgrades them, and the adapter closes them.
func (a *Adapter) Routes(r fiber.Router) {
	upgrade := websocket.New(a.take, websocket.Config{
		Origins:         []string{"*"}, // the handshake has checked it
		ReadBufferSize:  1,             // the library does not read
		WriteBufferPool: &sync.Pool{},  // and does not write
		// Take does not panic; the default would show the panic to the client.
		RecoverHandler: func(*websocket.Conn) {},
	})
	for _, path := range []string{"/ws", "/ws/:room"} {
		r.Add(fiber.MethodGet, path, a.handshake, upgrade) // Get would add HEAD too
	}
}

// Wait returns when no connection and no goroutine of the adapter is left. The listener must be
// closed, so that no more connections come.
func (a *Adapter) Wait() {
	a.live.Wait()
	a.poller.stop()
}

// take starts a connection and returns at once, so that the request and its buffers can be used
// again. The library's Conn goes back to a pool: nothing may keep it.
func (a *Adapter) take(w *websocket.Conn) {
	opening, _ := w.Locals(openingKey).(*ports.Opening)
	in := w.NetConn()
	raw, dry := edge.Take(in)
	early, err := takeOver(in, raw, dry)
	if opening == nil || err != nil {
		_ = raw.Close()
		return
	}
	a.carry(raw, opening, early)
}

// carry starts a connection of the right kind.
func (a *Adapter) carry(raw net.Conn, opening *ports.Opening, early []byte) {
	if !a.cfg.Polled || !a.poll(raw, opening, early) {
		a.live.Go(func() { a.serve(raw, opening, early) })
	}
}

// takeOver returns the bytes that came with the handshake and are in the server's buffer. After
// that, in is not needed. See edge.Take for dry.
func takeOver(in, raw net.Conn, dry bool) (early []byte, err error) {
	if in == raw {
		return nil, nil
	}
	// With a deadline in the past, reads return buffered bytes but do not wait for others.
	if !dry {
		if err := raw.SetReadDeadline(time.Unix(1, 0)); err != nil {
			return nil, err
		}
	}
	lent := readBuffers.Get().(*[]byte)
	defer readBuffers.Put(lent)
	for err == nil {
		var n int
		n, err = in.Read(*lent)
		early = append(early, (*lent)[:n]...)
	}
	if !isTimeout(err) && len(early) == 0 {
		return nil, err
	}
	if dry {
		return early, nil
	}
	return early, raw.SetReadDeadline(time.Time{})
}

// serve runs a connection with a goroutine. When it returns, nothing uses the connection any more.
// An idle connection costs this function's frame, so opening the session is another function's.
func (a *Adapter) serve(raw net.Conn, opening *ports.Opening, early []byte) {
	c := newConn(raw, a.cfg.WriteStall)
	defer c.end()
	session := a.open(c, opening)
	if session == nil {
		return
	}
	defer session.Closed()
	c.read(newReader(&a.cfg, c, session, opening.Packing != ports.Unpacked), early)
}

// open opens a connection's session. If it is refused, the client is told, and open returns nil
// when the client has gone.
func (a *Adapter) open(c *conn, opening *ports.Opening) ports.Session {
	session, err := a.cfg.Sessions.Open(c, *opening)
	if err != nil {
		if a.turnAway(c, opening.Head, err) {
			c.discard()
		}
		return nil
	}
	return session
}

// turnAway refuses a client after the upgrade, because the last place was taken after the check in
// the handshake. It sends the error as a frame, behind the handshake's head. It returns whether the
// connection is still open; further bytes of the client are ignored.
func (a *Adapter) turnAway(c ports.Conn, head []byte, err error) bool {
	reason := ports.CloseRestart
	if errors.Is(err, chat.RateLimited) {
		reason = ports.CloseFlooding
	}
	code, text := wire.CloseCode(reason)
	frames := Encoder{}.Frame(head, ports.Failure{Err: err})
	if c.Write(appendClose(frames, code, text)) != nil {
		return false
	}
	c.Close(reason)
	return true
}
