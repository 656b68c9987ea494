package edge

import (
	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"

	"github.com/parley-chat/parley/adapters/wire"
)

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
