package httpd

import (
	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"
)

// What a page of another origin may send and see (the Fetch standard, "HTTP-CORS protocol").
// Cookies are not allowed: such a page must have its own token.
const (
	sharedMethods = "GET, POST, PUT, PATCH, DELETE"
	sharedHeaders = "Authorization, Content-Type, Idempotency-Key, Last-Event-ID, If-None-Match, X-Request-ID, Traceparent, Tracestate, Baggage"
	sharedAnswers = "Location, Retry-After, X-Request-ID, ETag, Stream-Next-Offset, Stream-Up-To-Date, Stream-Cursor"
	sharedSeconds = "600"
)

// share lets pages of allowed origins read the answer, even an error. Browsers keep it from all
// others.
func (s *Server) share(c *fiber.Ctx) {
	if !s.origins.Any() {
		return
	}
	c.Vary(fiber.HeaderOrigin)
	if origin := utils.CopyString(c.Get(fiber.HeaderOrigin)); origin != "" && s.origins.Allow(origin) {
		c.Set(fiber.HeaderAccessControlAllowOrigin, origin)
		c.Set(fiber.HeaderAccessControlExposeHeaders, sharedAnswers)
	}
}

// shareUnread is share for a request whose headers may not have been parsed. If its origin is
// unknown, every page may read the answer: it contains no private data.
func (s *Server) shareUnread(c *fiber.Ctx) {
	if !s.origins.Any() {
		return
	}
	if c.Get(fiber.HeaderOrigin) == "" {
		origin := seenOrigin(c.Context().Conn())
		if origin == "" {
			c.Set(fiber.HeaderAccessControlAllowOrigin, "*")
			return
		}
		c.Request().Header.Set(fiber.HeaderOrigin, origin)
	}
	s.share(c)
}

// preflight answers a CORS preflight request, and reports whether this was one.
func (s *Server) preflight(c *fiber.Ctx) bool {
	if c.Method() != fiber.MethodOptions || c.Get(fiber.HeaderAccessControlRequestMethod) == "" ||
		c.GetRespHeader(fiber.HeaderAccessControlAllowOrigin) == "" {
		return false
	}
	c.Set(fiber.HeaderAccessControlAllowMethods, sharedMethods)
	c.Set(fiber.HeaderAccessControlAllowHeaders, sharedHeaders)
	c.Set(fiber.HeaderAccessControlMaxAge, sharedSeconds)
	c.Status(fiber.StatusNoContent)
	return true
}
