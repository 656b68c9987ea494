package wire

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/parley-chat/parley/core/chat"
)

// Body is the JSON object of an HTTP request's body. It is read as a frame is: members are matched
// by their exact names, null stands for a member that is not there, and what is no I-JSON is
// refused. It is memory of the request; what its methods return is not.
type Body map[string]value

// ReadBody returns the object that data is.
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

// want returns a member that must be of a kind, and whether it is there.
func (b Body) want(name string, k kind, kindText string) (value, bool, error) {
	v, ok := b[name]
	if ok && v.kind != k {
		return v, false, chat.Errorf(chat.BadRequest, "%s must be %s", name, kindText)
	}
	return v, ok, nil
}

// Text returns a member that is a string, or nil where it is not there.
func (b Body) Text(name string) (*string, error) {
	v, ok, err := b.want(name, kindString, "a string")
	if !ok {
		return nil, err
	}
	return new(unquote(v.raw)), nil
}

// Flag returns a member that is true or false, or nil where it is not there.
func (b Body) Flag(name string) (*bool, error) {
	v, ok, err := b.want(name, kindBool, "true or false")
	if !ok {
		return nil, err
	}
	return new(string(v.raw) == "true"), nil
}

// Seq returns a member that is the place of an entry, or 0 where it is not there.
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

// Meta returns the member of that name, or nil where it is not there.
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

// ParseWhole returns the whole number that text is, in a path or a header. It has digits only, and
// as few as it can: what is at an address is there once.
func ParseWhole(name, text string, least, most int64) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < least || n > most || strconv.FormatInt(n, 10) != text {
		return 0, chat.Errorf(chat.Invalid, "%s must be a whole number from %d to %d", name, least, most)
	}
	return n, nil
}

// ParseQuery is ParseWhole for a query, where 5 may be written as 5.0 too, as in JSON: languages
// without whole numbers write it so.
func ParseQuery(name, text string, least, most int64) (int64, error) {
	if whole, fraction, ok := strings.Cut(text, "."); ok && fraction != "" && strings.Trim(fraction, "0") == "" {
		text = whole
	}
	return ParseWhole(name, text, least, most)
}
