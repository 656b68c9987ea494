package httpd

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/parley-chat/parley/adapters/wire"
	"github.com/parley-chat/parley/core/chat"
)

const (
	maxRequestID = 64
	clientKey    = "parley.client"
)

// around surrounds every request: an id, security headers, a panic that stays inside, and a line in the log.
func (s *Server) around(c *fiber.Ctx) (err error) {
	began := time.Now()
	id := c.Get(fiber.HeaderXRequestID)
	if !plain(id) {
		id = rand.Text()
	}
	c.Set(fiber.HeaderXRequestID, id)
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderReferrerPolicy, "no-referrer")
	c.Locals(clientKey, s.client(c))
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
		if err != nil {
			err = s.fail(c, err)
		}
		s.cfg.Log.Debug("request", "id", strings.Clone(id), "method", c.Method(), "path", strings.Clone(c.Path()),
			"status", c.Response().StatusCode(), "client", Client(c), "took", time.Since(began))
	}()
	return c.Next()
}

// plain reports whether a client's request id may be used.
func plain(id string) bool {
	return id != "" && len(id) <= maxRequestID && !strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' })
}

// Client returns the address of the client, seen through the proxies that are trusted.
func Client(c *fiber.Ctx) string {
	addr, _ := c.Locals(clientKey).(string)
	return addr
}

// client reads X-Forwarded-For from the right: each trusted proxy vouches for the one before it.
func (s *Server) client(c *fiber.Ctx) string {
	at, err := netip.ParseAddr(c.Context().RemoteIP().String())
	if err != nil {
		return ""
	}
	at = at.Unmap()
	hops := strings.Split(c.Get(fiber.HeaderXForwardedFor), ",")
	for i := len(hops) - 1; i >= 0 && s.trusts(at); i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		at = hop.Unmap()
	}
	return at.String()
}

func (s *Server) trusts(addr netip.Addr) bool {
	for _, network := range s.cfg.TrustedProxies {
		if network.Contains(addr) {
			return true
		}
	}
	return false
}

// fail is the one place where an error becomes an answer.
func (s *Server) fail(c *fiber.Ctx, err error) error {
	status, e := s.translate(err)
	trace := ""
	if e.Kind == chat.Internal {
		trace = s.cfg.Observer.Fault(c.UserContext(), "answer a request", err)
		e = chat.Errorf(chat.Internal, "a fault of the service; it is logged under %s", trace)
	}
	if e.Kind == chat.Unavailable && e.RetryAfter == 0 {
		e.RetryAfter = time.Second
	}
	if e.RetryAfter > 0 {
		c.Set(fiber.HeaderRetryAfter, strconv.Itoa(int((e.RetryAfter+time.Second-1)/time.Second)))
	}
	if status == fiber.StatusUnauthorized {
		c.Set(fiber.HeaderWWWAuthenticate, "Bearer")
	}
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.Status(status).Send(wire.AppendHTTPError(nil, e, trace))
}

// translate gives an error of Fiber's own a kind; its status stays.
func (s *Server) translate(err error) (status int, e *chat.Error) {
	if theirs, ok := errors.AsType[*fiber.Error](err); ok {
		kind := chat.BadRequest
		switch theirs.Code {
		case fiber.StatusNotFound:
			return theirs.Code, chat.Errorf(chat.NotFound, "there is nothing at this address")
		case fiber.StatusRequestTimeout, fiber.StatusServiceUnavailable:
			kind = chat.Unavailable
		case fiber.StatusInternalServerError:
			kind = chat.Internal
		}
		return theirs.Code, chat.Errorf(kind, "%s", theirs.Message)
	}
	known := *chat.AsError(err)
	return wire.HTTPStatus(known.Kind), &known
}
