package edge

import (
	"bytes"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"

	"github.com/parley-chat/parley/core/chat"
)

// Token returns the token that a request for one answer brings: that of its Authorization header.
func Token(c *fiber.Ctx) (string, error) {
	token, given, err := authorization(c)
	switch {
	case err != nil:
		return "", err
	case given:
		return token, nil
	case c.Context().QueryArgs().Has(queryToken):
		return "", errQuery
	}
	return "", errNone
}

// OpeningToken returns the token that a request brings that opens a socket or a stream, and whether
// there is one: a socket's client may have none now, and authenticate by a frame. The first place
// that has one counts, be it empty: the Authorization header, an entry bearer.<token> of what was
// offered as Sec-WebSocket-Protocol, the query's access_token.
func OpeningToken(c *fiber.Ctx, offered []string) (token string, given bool, err error) {
	if token, given, err = authorization(c); given || err != nil {
		return token, given, err
	}
	for _, protocol := range offered {
		text, ok := strings.CutPrefix(protocol, "bearer.")
		switch {
		case !ok:
		case given:
			return "", true, errTwice
		default:
			token, given = utils.CopyString(text), true
		}
	}
	if given {
		return token, true, nil
	}
	switch values := c.Context().QueryArgs().PeekMulti(queryToken); len(values) {
	case 0:
		return "", false, nil
	case 1:
		return string(values[0]), true, nil
	default:
		return "", true, errTwice
	}
}

const queryToken = "access_token"

var (
	errNone  = chat.Errorf(chat.Unauthenticated, "there is no token: send Authorization: Bearer <token>")
	errTwice = chat.Errorf(chat.Unauthenticated, "there must be one token, in one place")
	errQuery = chat.Errorf(chat.Unauthenticated,
		"a token in the query opens sockets only, as addresses end up in logs: send Authorization: Bearer <token>")
)

// authorization returns what stands behind Bearer (RFC 6750, 2.1), which may be nothing, and
// whether there is such a header. Those of other schemes are somebody else's.
func authorization(c *fiber.Ctx) (token string, given bool, err error) {
	for _, line := range c.Request().Header.PeekAll(fiber.HeaderAuthorization) {
		scheme, rest := line, []byte(nil)
		if i := bytes.IndexAny(line, " \t"); i >= 0 {
			scheme, rest = line[:i], line[i+1:]
		}
		if !strings.EqualFold(string(scheme), "Bearer") {
			continue
		}
		if given {
			return "", true, errTwice
		}
		token, given = string(bytes.Trim(rest, " \t")), true
	}
	return token, given, nil
}
