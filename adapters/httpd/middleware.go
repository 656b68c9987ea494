package httpd

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

const maxRequestID = 64

// middleware runs around every request: it adds an id and security headers, recovers from panics,
// and logs the request.
func (s *Server) middleware(c *fiber.Ctx) (err error) {
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
		s.relocate(c)
		answered(route(c), c.Response().StatusCode())
		s.note(c, id, time.Since(began))
	}()
	if err := framed(c); err != nil {
		return err
	}
	switch {
	case !straight(string(c.Context().URI().PathOriginal())):
		return fiber.ErrNotFound
	case s.preflight(c):
		return nil
	case c.Get(fiber.HeaderContentEncoding) != "": // Fiber would decompress it to any size
		return fiber.ErrUnsupportedMediaType
	}
	if s.cfg.Plain {
		c.Request().Header.Del(fiber.HeaderAcceptEncoding)
	}
	if err := c.Next(); err != nil {
		return err
	}
	s.compress(c)
	return nil
}

// begin prepares the answer, and returns the request's id.
func (s *Server) begin(c *fiber.Ctx) string {
	id := c.Get(fiber.HeaderXRequestID)
	if plain(id) {
		id = strings.Clone(id)
	} else {
		id = rand.Text()
	}
	c.Context().SetRemoteAddr(s.client(c)) // from here on c.IP is the client
	s.headers(c)
	s.share(c)
	c.Set(fiber.HeaderXRequestID, id)
	return id
}

// follow reports a request to the observer, as a part of the client's trace, if there is one.
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

// route returns the pattern of the route that answered, for metrics: patterns are few, paths are
// unbounded.
func route(c *fiber.Ctx) string {
	// Requests without a route end at our own handler, at the root.
	if r := c.Route(); r.Path != "/" || c.Path() == "/" {
		return r.Path
	}
	return unrouted
}

// headers sets the headers of every answer. Pages may change them.
func (s *Server) headers(c *fiber.Ctx) {
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderReferrerPolicy, "no-referrer")
	c.Set(fiber.HeaderContentSecurityPolicy, "default-src 'none'; frame-ancestors 'none'")
}

// note logs a request, without its query and headers, which may contain a token.
func (s *Server) note(c *fiber.Ctx, id string, took time.Duration) {
	if !s.cfg.Log.Enabled(c.UserContext(), slog.LevelDebug) {
		return
	}
	s.cfg.Log.LogAttrs(c.UserContext(), slog.LevelDebug, "request", slog.String("request", id), slog.String("method", c.Method()),
		slog.String("path", strings.Clone(c.Path())), slog.Int("status", c.Response().StatusCode()),
		slog.String("remote", c.IP()), slog.Duration("took", took))
}

// plain reports whether a client's request id is safe to use.
func plain(id string) bool {
	return id != "" && len(id) <= maxRequestID && !strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' })
}
