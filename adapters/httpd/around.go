package httpd

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/parley-chat/parley/adapters/wire"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

const maxRequestID = 64

// around surrounds every request: an id, security headers, a panic that stays inside, and a line in the log.
func (s *Server) around(c *fiber.Ctx) (err error) {
	began := time.Now()
	id := s.begin(c)
	answered := s.follow(c)
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
		if err != nil {
			err = s.fail(c, err)
		}
		answered(route(c), c.Response().StatusCode())
		s.note(c, id, time.Since(began))
	}()
	if c.Get(fiber.HeaderContentEncoding) != "" { // Fiber would unpack it, however large it gets
		return fiber.ErrUnsupportedMediaType
	}
	return c.Next()
}

// begin prepares the answer, and returns the request's id.
func (s *Server) begin(c *fiber.Ctx) string {
	id := c.Get(fiber.HeaderXRequestID)
	if plain(id) {
		id = strings.Clone(id)
	} else {
		id = rand.Text()
	}
	c.Context().SetRemoteAddr(s.client(c)) // from here on c.IP is the client's
	s.headers(c)
	c.Set(fiber.HeaderXRequestID, id)
	return id
}

// follow tells that a request came, as a part of the trace that its client goes on with, if there is one.
func (s *Server) follow(c *fiber.Ctx) (answered func(route string, status int)) {
	ctx := c.UserContext()
	if trace := chat.ParseTrace(c.Get("Traceparent")); trace != "" {
		ctx = ports.WithTrace(ctx, trace)
	}
	ctx, answered = s.cfg.Observer.Requested(ctx, strings.Clone(c.Method()), strings.Clone(c.Path()))
	c.SetUserContext(ctx)
	return answered
}

// unrouted is the route of requests that have none.
const unrouted = "none"

// route returns the pattern of the route that answered: of those there are few, while of paths there is no end.
func route(c *fiber.Ctx) string {
	if r := c.Route(); r.Path != "/" || c.Path() == "/" { // what no route takes ends at our own, which is at the root
		return r.Path
	}
	return unrouted
}

// headers are those of every answer. Pages may say otherwise.
func (s *Server) headers(c *fiber.Ctx) {
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderReferrerPolicy, "no-referrer")
	c.Set(fiber.HeaderContentSecurityPolicy, "default-src 'none'; frame-ancestors 'none'")
}

// note logs a request: without its query and its headers, which may hold a token.
func (s *Server) note(c *fiber.Ctx, id string, took time.Duration) {
	if !s.cfg.Log.Enabled(c.UserContext(), slog.LevelDebug) {
		return
	}
	s.cfg.Log.LogAttrs(c.UserContext(), slog.LevelDebug, "request", slog.String("request", id), slog.String("method", c.Method()),
		slog.String("path", strings.Clone(c.Path())), slog.Int("status", c.Response().StatusCode()),
		slog.String("remote", c.IP()), slog.Duration("took", took))
}

// plain reports whether a client's request id may be used.
func plain(id string) bool {
	return id != "" && len(id) <= maxRequestID && !strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' })
}

// client returns where a request came from. It reads X-Forwarded-For from the right: each trusted proxy vouches for the one before
// it, and what stands further left is whatever somebody wrote there.
func (s *Server) client(c *fiber.Ctx) net.Addr {
	peer := c.Context().Conn().RemoteAddr() // that of the context is the last request's client
	tcp, ok := peer.(*net.TCPAddr)
	if !ok {
		return peer
	}
	at := tcp.AddrPort().Addr().Unmap()
	hops := strings.Split(c.Get(fiber.HeaderXForwardedFor), ",")
	for i := len(hops) - 1; i >= 0 && s.trusts(at); i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		at = hop.Unmap()
	}
	return &net.TCPAddr{IP: at.AsSlice(), Zone: at.Zone()}
}

func (s *Server) trusts(addr netip.Addr) bool {
	for _, network := range s.cfg.TrustedProxies {
		if network.Contains(addr) {
			return true
		}
	}
	return false
}

// fail is the one place where an error becomes an answer. Fiber calls it too, for requests that never came as far as around.
func (s *Server) fail(c *fiber.Ctx, err error) error {
	status, e := translate(err)
	trace := ""
	switch e.Kind {
	case chat.Internal:
		id := c.GetRespHeader(fiber.HeaderXRequestID)
		trace = s.cfg.Observer.Fault(c.UserContext(), "answer a request", fmt.Errorf("request %s: %s %s: %w", id, c.Method(), c.Route().Path, err))
		e = chat.Error{Kind: chat.Internal, Reason: "a fault of the service; it is logged under " + trace}
	case chat.Unavailable, chat.RateLimited:
		if e.Cause != nil { // that nobody has told of yet
			s.cfg.Observer.Fault(c.UserContext(), "answer a request", err)
		}
		if e.RetryAfter <= 0 {
			e.RetryAfter = time.Second
		}
		c.Set(fiber.HeaderRetryAfter, strconv.FormatInt(int64((e.RetryAfter+time.Second-1)/time.Second), 10))
	case chat.Unauthenticated:
		c.Set(fiber.HeaderWWWAuthenticate, "Bearer")
	}
	s.headers(c)
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.Status(status).Send(wire.AppendHTTPError(nil, &e, trace))
}

// refusals are the words for what Fiber itself refuses: its own may repeat what the client sent.
var refusals = map[int]chat.Error{
	fiber.StatusBadRequest:                  {Kind: chat.BadRequest, Reason: "the request cannot be read"},
	fiber.StatusNotFound:                    {Kind: chat.NotFound, Reason: "there is nothing at this address"},
	fiber.StatusMethodNotAllowed:            {Kind: chat.BadRequest, Reason: "this address does not take this method"},
	fiber.StatusRequestTimeout:              {Kind: chat.Unavailable, Reason: "the request took too long to come"},
	fiber.StatusRequestEntityTooLarge:       {Kind: chat.BadRequest, Reason: "the body is too large"},
	fiber.StatusUnsupportedMediaType:        {Kind: chat.BadRequest, Reason: "the body must be application/json, and not compressed"},
	fiber.StatusRequestHeaderFieldsTooLarge: {Kind: chat.BadRequest, Reason: "the headers are too large"},
}

// translate gives an error of Fiber's own a kind; its status stays.
func translate(err error) (status int, e chat.Error) {
	theirs, ok := errors.AsType[*fiber.Error](err)
	if !ok {
		e = *chat.AsError(err)
		return wire.HTTPStatus(e.Kind), e
	}
	if e, ok := refusals[theirs.Code]; ok {
		return theirs.Code, e
	}
	if theirs.Code < fiber.StatusInternalServerError {
		return theirs.Code, chat.Error{Kind: chat.BadRequest, Reason: "the request is refused"}
	}
	return fiber.StatusInternalServerError, chat.Error{Kind: chat.Internal, Cause: err}
}
