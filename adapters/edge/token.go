package edge

import (
	"bytes"
	"errors"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"

	"github.com/parley-chat/parley/core/chat"
)

// Token returns the token in the Authorization header, for a request with one answer.
func Token(c *fiber.Ctx) (string, error) {
	token, err := HeaderToken(&c.Request().Header)
	if errors.Is(err, errNone) && c.Context().QueryArgs().Has(queryToken) {
		err = errQuery
	}
	return token, err
}

// Headers are those of a request.
type Headers interface {
	PeekAll(name string) [][]byte
}

// HeaderToken is Token for a request of which only the headers are known.
func HeaderToken(h Headers) (string, error) {
	token, given, err := authorization(h)
	if err == nil && !given {
		err = errNone
	}
	return token, err
}

// OpeningToken returns the token of a request that opens a socket or a stream, and whether it has
// one: a socket's client may send it later in a frame. The token may be in three places, and the
// first that has one wins, even if it is empty: the Authorization header, an entry bearer.<token>
// of the offered subprotocols, the query's access_token.
func OpeningToken(c *fiber.Ctx, offered []string) (token string, given bool, err error) {
	if token, given, err = authorization(&c.Request().Header); given || err != nil {
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

// StreamToken returns the token of a request that opens a stream. A browser's EventSource cannot
// set headers, so it may be in the query.
func StreamToken(c *fiber.Ctx) (string, error) {
	token, given, err := OpeningToken(c, nil)
	if err == nil && !given {
		err = errNone
	}
	return token, err
}

const queryToken = "access_token"

var (
	errNone  = chat.Errorf(chat.Unauthenticated, "there is no token: send Authorization: Bearer <token>")
	errTwice = chat.Errorf(chat.Unauthenticated, "there must be one token, in one place")
	errQuery = chat.Errorf(chat.Unauthenticated,
		"a token in the query opens sockets and streams only, as addresses end up in logs: send Authorization: Bearer <token>")
)

// authorization returns the token after Bearer (RFC 6750, 2.1), which may be empty, and whether
// there is such a header. It ignores other schemes.
func authorization(h Headers) (token string, given bool, err error) {
	for _, line := range h.PeekAll(fiber.HeaderAuthorization) {
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
