package rest

import (
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/parley-chat/parley/adapters/wire"
	"github.com/parley-chat/parley/core/chat"
)

var errIfMatch = chat.Errorf(chat.Invalid, `If-Match must be one version, in quotes, as ETag has it: "7"`)

// ifMatch returns the version that what the request changes must have, or nil where it may have
// any. present is true where it must be there: If-Match is *. A weak entity tag is never that of
// anything (RFC 9110, 13.1.1), and gives a version that nothing has.
func (r *request) ifMatch() (version *int64, present bool, err error) {
	lines := slices.Collect(slices.Values(r.Request().Header.PeekAll(fiber.HeaderIfMatch)))
	if len(lines) == 0 {
		return nil, false, nil
	}
	text := strings.TrimSpace(string(lines[0]))
	if len(lines) == 1 && text == "*" {
		return nil, true, nil
	}
	text, weak := strings.CutPrefix(text, "W/")
	text, quoted := strings.CutPrefix(text, `"`)
	text, ended := strings.CutSuffix(text, `"`)
	if len(lines) > 1 || !quoted || !ended || strings.Contains(text, `"`) {
		return nil, false, errIfMatch
	}
	if weak {
		return new(int64(-1)), false, nil
	}
	is, err := wire.ParseWhole("If-Match", text, 0, int64(chat.MaxSeq))
	if err != nil {
		return nil, false, errIfMatch
	}
	return &is, false, nil
}

// ifChanged returns which entry must have changed the room last, or nil for whichever did. A room
// that is changed is there.
func (r *request) ifChanged() (*chat.Seq, error) {
	version, _, err := r.ifMatch()
	if version == nil || err != nil {
		return nil, err
	}
	return new(chat.Seq(*version)), nil
}
