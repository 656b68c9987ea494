package httpd

import (
	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"
)

// What a page of another origin may send and see (the Fetch standard, "HTTP-CORS protocol").
// Cookies are not among it: a page that calls must have a token of its own.
const (
	sharedMethods = "GET, POST, PUT, PATCH, DELETE"
	sharedHeaders = "Authorization, Content-Type, Idempotency-Key, X-Request-ID, Traceparent, Tracestate, Baggage"
	sharedAnswers = "Location, Retry-After, X-Request-ID"
	sharedSeconds = "600"
)

// share lets pages of the origins that are allowed read the answer, be it an error. Browsers keep
// it from all others.
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

// shareUnread is share for a request of which the headers may not have been read. Where nothing
// tells its origin, everybody may read the answer: nothing in it is anybody's own.
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

// preflight answers a page that asks what it may send, and reports whether this was it.
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
