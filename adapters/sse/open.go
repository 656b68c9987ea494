package sse

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"
	"github.com/valyala/fasthttp"

	"github.com/parley-chat/parley/adapters/edge"
	"github.com/parley-chat/parley/adapters/wire"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

const mimeEvents = "text/event-stream"

// serve returns the handler of streams. read reads what a request asks for.
func (a *Adapter) serve(read func(*fiber.Ctx) (*wish, error)) fiber.Handler {
	return func(c *fiber.Ctx) error {
		w, err := read(c)
		if err != nil {
			return err
		}
		if err := a.begin(c, w); err != nil {
			return a.refuse(c, err)
		}
		return nil
	}
}

func (a *Adapter) begin(c *fiber.Ctx, w *wish) error {
	who, err := a.identify(c)
	if err != nil {
		return err
	}
	if w.polls {
		return a.poll(c, who, w)
	}
	return a.stream(c, who, w.reads(), ports.StreamEvents, &events{link: newLink(), form: plain{}, cursors: w.cursors})
}

// identify verifies the token of a request, unless the node accepts nobody.
func (a *Adapter) identify(c *fiber.Ctx) (chat.Identity, error) {
	if !edge.Keeps(c) {
		return chat.Identity{}, errors.New("the HTTP server closes the connections that streams take: KeepHijackedConns is not set")
	}
	if err := a.cfg.Sessions.Ready(nil); err != nil { // then no token needs to be verified
		return chat.Identity{}, err
	}
	token, err := edge.StreamToken(c)
	if err != nil {
		return chat.Identity{}, err
	}
	ctx, cancel := context.WithTimeout(c.UserContext(), a.cfg.VerifyTime)
	defer cancel()
	return a.cfg.Verifier.Verify(ctx, token)
}

// stream opens a session that writes to e, and answers with its events.
func (a *Adapter) stream(c *fiber.Ctx, who chat.Identity, reads []ports.Join, kind ports.StreamKind, e *events) error {
	c.Set(fiber.HeaderContentType, mimeEvents)
	c.Set(fiber.HeaderCacheControl, "no-cache, no-store") // some proxies look for no-cache
	// So that nginx passes on each event at once.
	c.Set("X-Accel-Buffering", "no")
	session, err := a.open(c, who, reads, kind, e)
	if err != nil {
		return err
	}
	e.head = append(headOf(c, fiber.StatusOK, unbounded), appendRetry(nil, retryMS+rand.N(retryMS))...)
	e.head = append(e.head, '\n')
	a.hijack(c, kind, session, func(raw net.Conn, session ports.Session) {
		e.session = session
		e.attach(a.cfg.Carry(raw, session))
	})
	return nil
}

// poll opens a session that waits for entries, and answers with them.
func (a *Adapter) poll(c *fiber.Ctx, who chat.Identity, w *wish) error {
	l := &poll{link: newLink(), most: a.cfg.AnswerBytes, page: page{cursors: w.cursors}}
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	c.Set(fiber.HeaderCacheControl, "no-store")
	session, err := a.open(c, who, w.reads(), ports.StreamPoll, l)
	if err != nil {
		return err
	}
	base := responseOf(c)
	l.respond = func(g page) []byte {
		body := appendPage(nil, w.log, &g)
		return append(base.head(fiber.StatusOK, len(body)), body...)
	}
	a.wait(c, ports.StreamPoll, session, l, w.wait)
	return nil
}

// wait gives a poll to its session.
func (a *Adapter) wait(c *fiber.Ctx, kind ports.StreamKind, session ports.Session, l *poll, wait time.Duration) {
	a.hijack(c, kind, session, func(raw net.Conn, session ports.Session) {
		l.session = session
		l.attach(a.cfg.Carry(raw, session))
		l.begin(wait)
	})
}

// open opens a session. For a HEAD request the session ends at once, as everything was checked.
func (a *Adapter) open(c *fiber.Ctx, who chat.Identity, reads []ports.Join, kind ports.StreamKind, conn ports.Conn) (ports.Session, error) {
	opening := ports.Opening{
		Identity: &who, Remote: utils.CopyString(c.IP()), Reads: reads, Via: kind.String(),
	}
	if err := a.cfg.Sessions.Ready(&opening); err != nil {
		return nil, err
	}
	return a.cfg.Sessions.Open(conn, opening)
}

// handover is how long the HTTP server may take to give up a connection.
const handover = 10 * time.Second

// hijack takes the connection from the HTTP server, which sends no answer, and gives it to take. If
// the server ends the connection instead of giving it up, the session ends too.
func (a *Adapter) hijack(c *fiber.Ctx, kind ports.StreamKind, session ports.Session, take func(net.Conn, ports.Session)) {
	if c.Method() == fiber.MethodHead {
		session.Closed()
		return
	}
	var taken atomic.Bool
	lost := time.AfterFunc(handover, func() {
		if !taken.Swap(true) {
			session.Closed()
		}
	})
	c.Context().HijackSetNoResponse(true)
	c.Context().Hijack(func(in net.Conn) {
		raw, _ := edge.Take(in) // what the client has sent behind its request is dropped
		if taken.Swap(true) {
			_ = raw.Close()
			return
		}
		lost.Stop()
		a.cfg.Observer.Streams(kind, 1)
		take(raw, &counted{session, a.cfg.Observer, kind})
	})
}

// counted is a session that tells when it ends.
type counted struct {
	ports.Session
	observer ports.StreamObserver
	kind     ports.StreamKind
}

// Closed implements ports.Session.
func (s *counted) Closed() {
	s.Session.Closed()
	s.observer.Streams(s.kind, -1)
}

// unbounded is the length of a body that ends when the connection does. It is sent without a length
// and without chunks (fasthttp).
const unbounded = -2

// response has the headers that were set so far, for an answer that is written later.
type response struct{ header fasthttp.ResponseHeader }

func responseOf(c *fiber.Ctx) *response {
	r := new(response)
	c.Response().Header.CopyTo(&r.header)
	return r
}

// head returns the head of an answer. The connection ends after that answer.
func (r *response) head(status, length int) []byte {
	r.header.SetStatusCode(status)
	r.header.SetContentLength(length)
	r.header.SetConnectionClose()
	return bytes.Clone(r.header.Header())
}

func headOf(c *fiber.Ctx, status, length int) []byte { return responseOf(c).head(status, length) }

// refuse answers with an error. A browser's EventSource gives up for good if the status is not 200.
// So if it should come back, the answer is a stream that ends at once and says so.
func (a *Adapter) refuse(c *fiber.Ctx, err error) error {
	e := chat.AsError(err)
	passing := e.Kind == chat.RateLimited || e.Kind == chat.Unavailable
	if !passing || c.Method() != fiber.MethodGet || !accepts(c, mimeEvents) {
		return err
	}
	if e.Cause != nil { // it is not logged yet
		a.cfg.Observer.Fault(c.UserContext(), "open a stream", err)
	}
	after := max(e.RetryAfter, time.Second) + rand.N(time.Second)
	text := appendRetry(nil, int(after.Milliseconds()))
	text = append(appendData(text, wire.AppendFrame(nil, ports.Failure{Err: e})), '\n')
	c.Set(fiber.HeaderContentType, mimeEvents)
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.Status(fiber.StatusOK).Send(text)
}

// accepts reports whether a request accepts a media type.
func accepts(c *fiber.Ctx, mime string) bool {
	for _, line := range c.Request().Header.PeekAll(fiber.HeaderAccept) {
		if bytes.Contains(line, []byte(mime)) {
			return true
		}
	}
	return false
}
