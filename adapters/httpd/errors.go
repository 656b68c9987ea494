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

// fail is the only place where an error becomes an answer.
func (s *Server) fail(c *fiber.Ctx, err error) error {
	status, e := translate(err)
	s.headers(c)
	return edge.Fail(c, status, &e, s.cfg.Observer, "answer a request")
}

// unread answers bytes that could not be parsed as a request. It is always the client's error, or
// the client is gone. The client may still be sending, and must get the answer anyway.
func (s *Server) unread(ctx *fasthttp.RequestCtx, err error) {
	c := s.app.AcquireCtx(ctx)
	defer s.app.ReleaseCtx(c)
	linger(ctx.Conn())
	s.shareUnread(c)
	var refused error = fiber.NewError(unreadStatus(err))
	if errors.Is(err, fasthttp.ErrBodyTooLarge) {
		if _, err := s.largeBytes(&ctx.Request.Header); err != nil {
			refused = err
		}
	}
	_ = s.fail(c, refused) // it sends the answer
}

// expected tells a client that asks with "Expect: 100-continue" (RFC 9110, 10.1.1) whether to send
// the body.
func (s *Server) expected(ctx *fasthttp.RequestCtx) (status int) {
	if ctx.Request.Header.ContentLength() > s.bodyBytes(&ctx.Request.Header) {
		s.unread(ctx, fasthttp.ErrBodyTooLarge)
		return ctx.Response.StatusCode()
	}
	return fasthttp.StatusContinue
}

// unreadStatus returns the status for a request that could not be parsed.
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

// refusals are the texts for errors of Fiber: its own texts may repeat data of the client.
var refusals = map[int]chat.Error{
	fiber.StatusBadRequest:                  {Kind: chat.BadRequest, Reason: "the request cannot be read"},
	fiber.StatusNotFound:                    {Kind: chat.NotFound, Reason: "there is nothing at this address"},
	fiber.StatusMethodNotAllowed:            {Kind: chat.BadRequest, Reason: "this address does not take this method"},
	fiber.StatusRequestTimeout:              {Kind: chat.Unavailable, Reason: "the request took too long to come"},
	fiber.StatusRequestEntityTooLarge:       {Kind: chat.BadRequest, Reason: "the body is too large"},
	fiber.StatusUnsupportedMediaType:        {Kind: chat.BadRequest, Reason: "the body must be application/json, and not compressed"},
	fiber.StatusRequestHeaderFieldsTooLarge: {Kind: chat.BadRequest, Reason: "the headers are too large: they and the address may have 16 KiB"},
	fiber.StatusHTTPVersionNotSupported:     {Kind: chat.BadRequest, Reason: "this server speaks HTTP/1.1: use that"},
}

// translate gives an error of Fiber a kind, and keeps its status.
func translate(err error) (status int, e chat.Error) {
	theirs, ok := errors.AsType[*fiber.Error](err)
	if !ok {
		e = *chat.AsError(err)
		status = wire.ErrorStatus(&e)
		return status, e
	}
	if e, ok := refusals[theirs.Code]; ok {
		return theirs.Code, e
	}
	if theirs.Code < fiber.StatusInternalServerError {
		return theirs.Code, chat.Error{Kind: chat.BadRequest, Reason: "the request is refused"}
	}
	return fiber.StatusInternalServerError, chat.Error{Kind: chat.Internal, Cause: err}
}
