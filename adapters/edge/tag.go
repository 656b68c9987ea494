package edge

import (
	"strings"

	"github.com/gofiber/fiber/v2"
)

// Has reports whether the client of a request has the answer with an entity tag already. Proxies
// that compress make tags weak; here the comparison ignores this (RFC 9110, 13.1.2).
func Has(c *fiber.Ctx, tag string) bool {
	for candidate := range strings.SplitSeq(c.Get(fiber.HeaderIfNoneMatch), ",") {
		candidate = strings.TrimSpace(candidate)
		if candidate == "*" || strings.TrimPrefix(candidate, "W/") == tag {
			return true
		}
	}
	return false
}
