package sse

import (
	"net"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// Config is what an Adapter works with. Sessions, Reader, Verifier, Which and Carry are needed.
type Config struct {
	Sessions ports.Sessions
	Reader   ports.Reader
	Verifier ports.TokenVerifier
	Which    func() chat.LogID // the present log
	Observer ports.StreamObserver

	// Carry serves a client's connection when the HTTP server has given it up. The session writes
	// to the returned Conn. Session.Closed is called when the connection ends.
	Carry func(raw net.Conn, session ports.Session) ports.Conn

	Rooms       int           // max rooms of a stream; 0: 500
	AnswerBytes int           // max bytes of an answer to a poll, approximately; 0: 256 KiB
	VerifyTime  time.Duration // how long the verification of a token may take; 0: 10 s
}

// Adapter serves streams.
type Adapter struct{ cfg Config }

// New returns an adapter.
func New(cfg Config) *Adapter {
	if cfg.Observer == nil {
		cfg.Observer = ports.Unobserved{}
	}
	if cfg.Rooms <= 0 {
		cfg.Rooms = 500
	}
	if cfg.AnswerBytes <= 0 {
		cfg.AnswerBytes = 256 << 10
	}
	if cfg.VerifyTime <= 0 {
		cfg.VerifyTime = 10 * time.Second
	}
	return &Adapter{cfg}
}

// Routes adds the routes of streams. The app's server must leave connections to who takes them, as
// edge.Keeps says: they outlive the handler.
func (a *Adapter) Routes(r fiber.Router) {
	r.Get("/v1/stream", a.serve(a.ofRooms))
	r.Get("/v1/rooms/:room/stream", a.serve(a.ofRoom))
	r.Get("/v1/ds/rooms/:room", a.durable)
}
