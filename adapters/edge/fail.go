package edge

import (
	"fmt"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/parley-chat/parley/adapters/wire"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// Fail answers a request with an error in the service's JSON. If status is 0, the error's kind
// determines it. Faults of the service are reported to o, with what was being done, and the client
// gets the id under which the fault is logged.
func Fail(c *fiber.Ctx, status int, err error, o ports.FaultObserver, while string) error {
	e, trace := *chat.AsError(err), ""
	if status == 0 {
		status = wire.ErrorStatus(&e)
	}
	switch e.Kind {
	case chat.Internal:
		id := c.GetRespHeader(fiber.HeaderXRequestID)
		trace = o.Fault(c.UserContext(), while, fmt.Errorf("request %s: %s %s: %w", id, c.Method(), c.Route().Path, err))
		e = chat.Error{Kind: chat.Internal, Reason: "a fault of the service; it is logged under " + trace}
	case chat.Unavailable, chat.RateLimited:
		if e.Cause != nil { // it was not reported yet
			o.Fault(c.UserContext(), while, err)
		}
		if e.RetryAfter <= 0 {
			e.RetryAfter = time.Second
		}
		seconds := int64((e.RetryAfter + time.Second - 1) / time.Second)
		c.Set(fiber.HeaderRetryAfter, strconv.FormatInt(seconds, 10))
	case chat.Unauthenticated:
		c.Set(fiber.HeaderWWWAuthenticate, "Bearer")
	}
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.Status(status).Send(wire.AppendHTTPError(nil, &e, trace))
}
