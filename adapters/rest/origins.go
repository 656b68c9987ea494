package rest

import (
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"
)

// What a page of another origin may send and see (the Fetch standard, "HTTP-CORS protocol"). Cookies are not among it: a page that
// calls must have a token of its own.
const (
	sharedMethods = "GET, POST, PUT, PATCH, DELETE"
	sharedHeaders = "Authorization, Content-Type, Idempotency-Key, X-Request-ID"
	sharedAnswers = "Location, Retry-After, X-Request-ID"
	sharedSeconds = "600"
)

// share lets pages of the origins that are allowed call the API. Browsers keep the answers from all others.
func (a *API) share(c *fiber.Ctx) error {
	c.Vary(fiber.HeaderOrigin)
	origin := utils.CopyString(c.Get(fiber.HeaderOrigin))
	if origin == "" || !a.allows(origin) {
		return c.Next()
	}
	c.Set(fiber.HeaderAccessControlAllowOrigin, origin)
	c.Set(fiber.HeaderAccessControlExposeHeaders, sharedAnswers)
	if c.Method() != fiber.MethodOptions || c.Get(fiber.HeaderAccessControlRequestMethod) == "" {
		return c.Next()
	}
	c.Set(fiber.HeaderAccessControlAllowMethods, sharedMethods)
	c.Set(fiber.HeaderAccessControlAllowHeaders, sharedHeaders)
	c.Set(fiber.HeaderAccessControlMaxAge, sharedSeconds)
	c.Status(fiber.StatusNoContent)
	return nil
}

func (a *API) allows(origin string) bool {
	return slices.ContainsFunc(a.cfg.Origins, func(allowed string) bool {
		return allowed == "*" || strings.EqualFold(allowed, origin)
	})
}
