package edge

import (
	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"

	"github.com/parley-chat/parley/adapters/wire"
	"github.com/parley-chat/parley/core/chat"
)

// Once returns an error if a parameter of the query is there twice: of two values, one would be
// passed over in silence.
func Once(c *fiber.Ctx) error {
	args := c.Context().QueryArgs()
	if args.Len() < 2 {
		return nil
	}
	seen := make(map[string]struct{}, args.Len())
	for name := range args.All() {
		if _, twice := seen[string(name)]; twice {
			return chat.Errorf(chat.Invalid, "the address has %.40q twice", name)
		}
		seen[string(name)] = struct{}{}
	}
	return nil
}

// Whole reads a whole number of the query, from minimum to maximum. If it is missing or empty,
// given is false.
func Whole(c *fiber.Ctx, name string, minimum, maximum int64) (n int64, given bool, err error) {
	text := c.Query(name)
	if text == "" {
		return 0, false, nil
	}
	n, err = wire.ParseQuery(name, utils.CopyString(text), minimum, maximum)
	return n, err == nil, err
}
