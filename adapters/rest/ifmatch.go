package rest

import (
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/parley-chat/parley/adapters/wire"
	"github.com/parley-chat/parley/core/chat"
)

var errIfMatch = chat.Errorf(chat.Invalid, `If-Match must be one version, in quotes, as ETag has it: "7"`)

// ifMatch reads If-Match. version is the version that the resource must have, or nil if it may have
// any. present is true for "*": then the resource must exist. A weak entity tag never matches (RFC
// 9110, 13.1.1), and gives a version that nothing has.
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

// ifChanged returns the entry that must have last changed the room, or nil for any. "*" is any too,
// as a room that is changed exists.
func (r *request) ifChanged() (*chat.Seq, error) {
	version, _, err := r.ifMatch()
	if version == nil || err != nil {
		return nil, err
	}
	return new(chat.Seq(*version)), nil
}
