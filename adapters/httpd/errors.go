package httpd

import (
	"errors"
	"net"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/parley-chat/parley/adapters/edge"
	"github.com/parley-chat/parley/adapters/wire"
	"github.com/parley-chat/parley/core/chat"
)

// fail is the one place where an error becomes an answer.
func (s *Server) fail(c *fiber.Ctx, err error) error {
	status, e := translate(err)
	s.headers(c)
	return edge.Fail(c, status, &e, s.cfg.Observer, "answer a request")
}

// unread answers what could not be read as a request. Whatever it is, its client made it so, or
// went away: that is no fault of ours. The client may be sending still, and must hear the answer
// all the same.
func (s *Server) unread(ctx *fasthttp.RequestCtx, err error) {
	c := s.app.AcquireCtx(ctx)
	defer s.app.ReleaseCtx(c)
	linger(ctx.Conn())
	s.shareUnread(c)
	_ = s.fail(c, fiber.NewError(unreadStatus(err))) // which sends what it has
}

// expected tells a client that asks before it sends a body (RFC 9110, 10.1.1) whether to.
func (s *Server) expected(ctx *fasthttp.RequestCtx) (status int) {
	if ctx.Request.Header.ContentLength() > s.cfg.BodyBytes {
		s.unread(ctx, fasthttp.ErrBodyTooLarge)
		return fasthttp.StatusRequestEntityTooLarge
	}
	return fasthttp.StatusContinue
}

// unreadStatus returns the status that says why a request could not be read.
func unreadStatus(err error) int {
	timeout, isNet := errors.AsType[net.Error](err)
	_, small := errors.AsType[*fasthttp.ErrSmallBuffer](err)
	switch {
	case small:
		return fiber.StatusRequestHeaderFieldsTooLarge
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		return fiber.StatusRequestEntityTooLarge
	case isNet && timeout.Timeout():
		return fiber.StatusRequestTimeout
	case strings.Contains(err.Error(), `unsupported http version "HTTP/`):
		return fiber.StatusHTTPVersionNotSupported
	}
	return fiber.StatusBadRequest
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
	fiber.StatusHTTPVersionNotSupported:     {Kind: chat.BadRequest, Reason: "this is HTTP/1.1: ask by that"},
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
