package rest

import (
	"net/url"
	"strings"

	"github.com/parley-chat/parley/core/chat"
)

// asHeader is the header that says for whom a service makes a request.
const asHeader = "Parley-As"

// actByHeader applies the header Parley-As, if the request has one.
func (r *request) actByHeader() error {
	switch lines := r.Request().Header.PeekAll(asHeader); len(lines) {
	case 0:
		return nil
	case 1:
		whom, err := parseAs(string(lines[0]))
		if err != nil {
			return err
		}
		return r.act(whom)
	default:
		return errAsTwice
	}
}

var (
	errAsTwice = chat.Errorf(chat.Invalid, "as must be there once: in one "+asHeader+", or in the body")
	errAs      = chat.Errorf(chat.Invalid, asHeader+" must be system, or user and an id, percent-encoded: user bob")
)

// act makes by the identity for which the request is made.
func (r *request) act(whom chat.As) error {
	if r.acts {
		return errAsTwice
	}
	by, err := r.sender.As(whom)
	if err != nil {
		return err
	}
	r.by, r.acts = by, true
	return nil
}

// parseAs reads the header: "system", or "user", a space, and an id that is percent-encoded as in a
// path.
func parseAs(text string) (whom chat.As, err error) {
	if text == "system" {
		return chat.As{User: chat.System}, nil
	}
	escaped, ok := strings.CutPrefix(text, "user ")
	if !ok {
		return whom, errAs
	}
	id, err := url.PathUnescape(strings.TrimLeft(escaped, " "))
	if err != nil {
		return whom, errAs
	}
	whom.User, err = chat.ParseUserID(id)
	return whom, err
}
