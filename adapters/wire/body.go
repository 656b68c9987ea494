package wire

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/parley-chat/parley/core/chat"
)

// Body is the JSON object of an HTTP request's body. It is read like a frame: members are matched
// by their exact names, null means that a member is missing, and JSON that is not I-JSON is
// refused. It refers to memory of the request; the results of its methods do not.
type Body map[string]value

// ReadBody returns the object in data.
func ReadBody(data []byte) (Body, error) {
	body := Body{}
	var flawed *chat.Error
	err := members(data, "the body", func(name []byte, v value) {
		if flawed == nil {
			flawed = v.check(name, "the body")
		}
		if v.kind != kindNull {
			body[string(name)] = v
		}
	})
	switch {
	case err != nil || !utf8.Valid(data):
		return nil, errBody
	case flawed != nil:
		return nil, flawed
	}
	return body, nil
}

var errBody = chat.Errorf(chat.BadRequest, "the body must be one JSON object, in UTF-8")

// want returns a member that must be of a kind, and whether it exists.
func (b Body) want(name string, k kind, kindText string) (value, bool, error) {
	v, ok := b[name]
	if ok && v.kind != k {
		return v, false, chat.Errorf(chat.BadRequest, "%s must be %s", name, kindText)
	}
	return v, ok, nil
}

// Text returns a member that is a string, or nil if it is missing.
func (b Body) Text(name string) (*string, error) {
	v, ok, err := b.want(name, kindString, "a string")
	if !ok {
		return nil, err
	}
	return new(unquote(v.raw)), nil
}

// Flag returns a member that is true or false, or nil if it is missing.
func (b Body) Flag(name string) (*bool, error) {
	v, ok, err := b.want(name, kindBool, "true or false")
	if !ok {
		return nil, err
	}
	return new(string(v.raw) == "true"), nil
}

// Seq returns a member that is the seq of an entry, or 0 if it is missing.
func (b Body) Seq(name string) (chat.Seq, error) {
	v, ok, err := b.want(name, kindNumber, "a number")
	if !ok {
		return 0, err
	}
	n, whole := v.integer()
	if !whole || n < 1 || n > int64(chat.MaxSeq) {
		return 0, chat.Errorf(chat.Invalid, "%s must be a whole number from 1 to %d", name, chat.MaxSeq)
	}
	return chat.Seq(n), nil
}

// Cursor returns a member that is the seq of an entry or 0, or nil if it is missing.
func (b Body) Cursor(name string) (*chat.Seq, error) {
	v, ok, err := b.want(name, kindNumber, "a number")
	if !ok {
		return nil, err
	}
	n, whole := v.integer()
	if !whole || n < 0 || n > int64(chat.MaxSeq) {
		return nil, chat.Errorf(chat.Invalid, "%s must be a whole number from 0 to %d", name, chat.MaxSeq)
	}
	return new(chat.Seq(n)), nil
}

// Meta returns the member meta, or nil if it is missing.
func (b Body) Meta() ([]byte, error) {
	v, ok, err := b.want("meta", kindObject, "an object")
	if !ok {
		return nil, err
	}
	if err := v.checkMeta(1); err != nil {
		return nil, err
	}
	return bytes.Clone(v.raw), nil
}

// ParseWhole parses a whole number in a path or a header. It accepts digits only, without leading
// zeros, so that a resource has one address.
func ParseWhole(name, text string, minimum, maximum int64) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < minimum || n > maximum || strconv.FormatInt(n, 10) != text {
		return 0, chat.Errorf(chat.Invalid, "%s must be a whole number from %d to %d", name, minimum, maximum)
	}
	return n, nil
}

// ParseQuery is like ParseWhole, for a query. It also accepts 5.0 for 5, as in JSON: languages
// without whole numbers write it in this way.
func ParseQuery(name, text string, minimum, maximum int64) (int64, error) {
	if whole, fraction, ok := strings.Cut(text, "."); ok && fraction != "" && strings.Trim(fraction, "0") == "" {
		text = whole
	}
	return ParseWhole(name, text, minimum, maximum)
}
