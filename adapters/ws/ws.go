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

// Subprotocol is the one that the service speaks.
const Subprotocol = "parley.v1.json"

// Config is what an Adapter works with. Sessions and Verifier are needed.
type Config struct {
	Sessions ports.Sessions
	Verifier ports.TokenVerifier
	Observer ports.FaultObserver     // nil: nobody is told
	Client   func(*fiber.Ctx) string // the client's address, for the log; nil: that of the connection

	// Polled has connections do without a goroutine each where that is possible: by plain TCP,
	// where CanPoll is true. Others are as without it.
	Polled bool

	Origins     []string      // other web origins that may connect, as edge.ParseOrigin takes them
	FrameBytes  int           // the largest message of a client, over all its fragments; 0: 64 KiB
	WriteStall  time.Duration // after which a write without progress fails; 0: 10 s
	MessageTime time.Duration // for a message to come as a whole; 0: 10 s
	VerifyTime  time.Duration // for a handshake's token to be verified; 0: 10 s
	Handshakes  int           // most that are under way; others are told to try again; 0: 1,000
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

// Adapter takes sockets.
type Adapter struct {
	cfg     Config
	origins edge.Origins
	live    sync.WaitGroup // connections
	shaking atomic.Int64   // handshakes under way
	poller  poller
}

// New returns an adapter. A string in cfg.Origins that is no origin is ignored: it allows nobody.
func New(cfg Config) *Adapter {
	return &Adapter{cfg: cfg.withDefaults(), origins: edge.NewOrigins(cfg.Origins)}
}

// openingKey is where the handshake leaves what it found for the connection.
const openingKey = "parley.opening"

// Routes adds the socket's routes. The app's server must have KeepHijackedConns set: connections
// outlive the handler that upgrades them, and close themselves.
func (a *Adapter) Routes(r fiber.Router) {
	upgrade := websocket.New(a.take, websocket.Config{
		Origins:         []string{"*"},            // the handshake has checked it
		ReadBufferSize:  512,                      // the library does not read
		WriteBufferSize: 512,                      // and does not write
		RecoverHandler:  func(*websocket.Conn) {}, // take does not panic; the default would tell the client
	})
	for _, path := range []string{"/ws", "/ws/:room"} {
		r.Add(fiber.MethodGet, path, a.handshake, upgrade) // and not HEAD, as Get would
	}
}

// Wait returns when no connection is left, and no goroutine of the adapter. No more may come: the
// listener is closed.
func (a *Adapter) Wait() {
	a.live.Wait()
	a.poller.stop()
}

// take begins a connection's life and returns at once, so that the request and the buffers that it
// came by are free for others. The library's Conn goes back to a pool: nothing keeps it.
func (a *Adapter) take(w *websocket.Conn) {
	opening, _ := w.Locals(openingKey).(*ports.Opening)
	in := w.NetConn()
	raw := in
	if hijacked, ok := in.(interface{ UnsafeConn() net.Conn }); ok {
		raw = hijacked.UnsafeConn()
	}
	if wrapped, ok := raw.(interface{ Unwrap() net.Conn }); ok {
		raw = wrapped.Unwrap()
	}
	early, err := takeOver(in, raw)
	if opening == nil || err != nil {
		_ = raw.Close()
		return
	}
	a.carry(raw, opening, early)
}

// carry begins a connection's life in the way that fits it.
func (a *Adapter) carry(raw net.Conn, opening *ports.Opening, early []byte) {
	if !a.cfg.Polled || !a.poll(raw, opening, early) {
		a.live.Go(func() { a.serve(raw, opening, early) })
	}
}

// takeOver returns what came along with the handshake and stands in the server's buffer: from then
// on in is not needed.
func takeOver(in, raw net.Conn) (early []byte, err error) {
	if in == raw {
		return nil, nil
	}
	// A deadline that has passed: what is buffered is read all the same, what is not is not waited
	// for.
	if err := raw.SetReadDeadline(time.Unix(1, 0)); err != nil {
		return nil, err
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
	return early, raw.SetReadDeadline(time.Time{})
}

// serve is the life of a connection with a goroutine; when it returns nothing uses the connection
// any more.
func (a *Adapter) serve(raw net.Conn, opening *ports.Opening, early []byte) {
	c := newConn(raw, a.cfg.WriteStall)
	defer c.end()
	session, err := a.cfg.Sessions.Open(c, *opening)
	if err != nil {
		if a.turnAway(c, err) {
			c.discard()
		}
		return
	}
	defer session.Closed()
	c.read(newReader(&a.cfg, c, session), early)
}

// turnAway tells a client for whom there was room a moment ago, but is none now, what it would have
// heard instead of the upgrade. It returns whether the connection is there still, with nothing to
// come from the client that counts.
func (a *Adapter) turnAway(c ports.Conn, err error) bool {
	reason := ports.CloseRestart
	if errors.Is(err, chat.RateLimited) {
		reason = ports.CloseFlooding
	}
	code, text := wire.CloseCode(reason)
	frames := Encoder{}.Frame(nil, ports.Failure{Err: err})
	if c.Write(appendClose(frames, code, text)) != nil {
		return false
	}
	c.Close(reason)
	return true
}
