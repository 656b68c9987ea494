package rest

import (
	"mime"

	"github.com/gofiber/fiber/v2"

	"github.com/parley-chat/parley/adapters/wire"
	"github.com/parley-chat/parley/core/chat"
)

// object is the JSON object of a request's body. Members that no request has are ignored, as on the
// socket. If the body says for whom the request is made, that was applied when it was read.
type object struct{ wire.Body }

func (r *request) object() (object, error) {
	if err := r.isJSON(); err != nil {
		return object{}, err
	}
	body, err := wire.ReadBody(r.BodyRaw())
	if err != nil {
		return object{}, err
	}
	whom, err := body.As()
	if err == nil && whom != nil {
		err = r.act(*whom)
	}
	return object{body}, err
}

// optionalObject is object for a request that may come without a body. Then it has no members.
func (r *request) optionalObject() (object, error) {
	if len(r.BodyRaw()) == 0 {
		return object{}, nil
	}
	return r.object()
}

// isJSON checks that the request says that its body is JSON.
func (r *request) isJSON() error {
	kind, _, err := mime.ParseMediaType(r.Get(fiber.HeaderContentType))
	if err != nil || kind != fiber.MIMEApplicationJSON {
		return fiber.ErrUnsupportedMediaType
	}
	return nil
}

// needed returns the parsed text of a required member.
func needed[T any](o object, name string, parse func(string) (T, error)) (value T, err error) {
	text, err := o.Text(name)
	switch {
	case err != nil:
		return value, err
	case text == nil:
		return value, chat.Errorf(chat.Invalid, "%s is missing", name)
	}
	return parse(*text)
}

// name returns a display name, or nil if it is missing.
func (o object) name() (*string, error) {
	text, err := o.Text("name")
	if err != nil || text == nil {
		return nil, err
	}
	name, err := chat.ParseName(*text)
	return &name, err
}
