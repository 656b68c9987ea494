package rest

import (
	"encoding/json"
	"mime"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"github.com/parley-chat/parley/core/chat"
)

// object is the JSON object of a request's body. As on the socket, members are found by their exact names, of two of a name the last
// counts, null stands for a member that is not there, and others are ignored.
type object map[string]json.RawMessage

// object reads the body. What it returns is no memory of the request.
func (r *request) object() (o object, err error) {
	kind, _, err := mime.ParseMediaType(r.Get(fiber.HeaderContentType))
	if err != nil || kind != fiber.MIMEApplicationJSON {
		return nil, fiber.ErrUnsupportedMediaType
	}
	body := r.BodyRaw()
	if !utf8.Valid(body) || json.Unmarshal(body, &o) != nil || o == nil {
		return nil, chat.Errorf(chat.BadRequest, "the body must be one JSON object, in UTF-8")
	}
	for name, value := range o {
		if string(value) == "null" {
			delete(o, name)
		}
	}
	return o, nil
}

// text returns a member that is a string, or nil where it is not there.
func (o object) text(name string) (*string, error) { return typed[string](o, name, "a string") }

// flag returns a member that is true or false, or nil where it is not there.
func (o object) flag(name string) (*bool, error) { return typed[bool](o, name, "true or false") }

func typed[T any](o object, name, kind string) (*T, error) {
	raw, ok := o[name]
	if !ok {
		return nil, nil
	}
	var value T
	if json.Unmarshal(raw, &value) != nil {
		return nil, chat.Errorf(chat.BadRequest, "%s must be %s", name, kind)
	}
	return &value, nil
}

// needed is text of a member that must be there, as parse has it.
func needed[T any](o object, name string, parse func(string) (T, error)) (value T, err error) {
	text, err := o.text(name)
	switch {
	case err != nil:
		return value, err
	case text == nil:
		return value, chat.Errorf(chat.Invalid, "%s is missing", name)
	}
	return parse(*text)
}

// name returns a display name, or nil where there is none.
func (o object) name() (*string, error) {
	text, err := o.text("name")
	if err != nil || text == nil {
		return nil, err
	}
	name, err := chat.ParseName(*text)
	return &name, err
}

// seq returns a member that is the place of an entry, or 0 where it is not there.
func (o object) seq(name string) (chat.Seq, error) {
	raw, ok := o[name]
	if !ok {
		return 0, nil
	}
	if c := raw[0]; c != '-' && (c < '0' || c > '9') {
		return 0, chat.Errorf(chat.BadRequest, "%s must be a number", name)
	}
	n, err := whole(name, string(raw), 1, int64(chat.MaxSeq))
	return chat.Seq(n), err
}

// meta returns the member of that name, or nil where it is not there.
func (o object) meta() ([]byte, error) {
	raw, ok := o["meta"]
	switch {
	case !ok:
		return nil, nil
	case raw[0] != '{':
		return nil, chat.Errorf(chat.BadRequest, "meta must be an object")
	case len(raw) > chat.MaxMetaBytes:
		return nil, chat.Errorf(chat.Invalid, "meta must have at most %d bytes", chat.MaxMetaBytes)
	}
	return raw, nil
}
