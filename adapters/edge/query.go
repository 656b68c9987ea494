package edge

import (
	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"

	"github.com/parley-chat/parley/adapters/wire"
)

// Whole reads a whole number of the query, from least to most. An empty one is not given.
func Whole(c *fiber.Ctx, name string, least, most int64) (n int64, given bool, err error) {
	text := c.Query(name)
	if text == "" {
		return 0, false, nil
	}
	n, err = wire.ParseQuery(name, utils.CopyString(text), least, most)
	return n, err == nil, err
}
