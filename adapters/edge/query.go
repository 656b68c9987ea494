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

// Filter returns a text of the query that narrows what is asked for. If it is missing, it is empty;
// if it is there, it must not be: an answer that is not narrowed would be taken for one that is.
func Filter(c *fiber.Ctx, name string) (string, error) {
	text := utils.CopyString(c.Query(name))
	if text == "" && c.Context().QueryArgs().Has(name) {
		return "", chat.Errorf(chat.Invalid, "%s must not be empty: leave it out instead", name)
	}
	return text, nil
}

// Flag returns whether a parameter of the query is true. If it is missing, it is false.
func Flag(c *fiber.Ctx, name string) (bool, error) {
	switch text := c.Query(name); {
	case text == "true":
		return true, nil
	case text == "false", !c.Context().QueryArgs().Has(name):
		return false, nil
	}
	return false, chat.Errorf(chat.Invalid, "%s must be true or false", name)
}

// Whole reads a whole number of the query, from minimum to maximum. If it is missing or empty,
// given is false: an empty place, such as after=, is the beginning.
func Whole(c *fiber.Ctx, name string, minimum, maximum int64) (n int64, given bool, err error) {
	text := c.Query(name)
	if text == "" {
		return 0, false, nil
	}
	n, err = wire.ParseQuery(name, utils.CopyString(text), minimum, maximum)
	return n, err == nil, err
}
