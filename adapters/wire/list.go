package wire

import (
	"unicode/utf8"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// MaxBatch is the max commands of a batch.
const MaxBatch = 500

// Element is one object of a list in a request's body.
type Element struct {
	Body
	Err error // why it is not an object; nil: it is one
}

// List returns the elements of a member that is an array of at most limit objects, or nil if it is
// missing.
func (b Body) List(name string, limit int) (list []Element, err error) {
	v, ok, err := b.want(name, kindArray, "an array")
	if !ok {
		return nil, err
	}
	list = []Element{}
	elements(v.raw, func(v value) bool {
		e := Element{Body: Body{}}
		if v.kind != kindObject {
			e.Err = chat.Errorf(chat.BadRequest, "each of %s must be an object", name)
		} else {
			e.Body.fill(v.raw)
		}
		list = append(list, e)
		return len(list) <= limit
	})
	if len(list) > limit {
		return nil, chat.Errorf(chat.Invalid, "%s must have at most %d elements", name, limit)
	}
	return list, nil
}

// fill puts the members of an object into the body. check has passed the object.
func (b Body) fill(raw []byte) {
	// It was read as an object before, so this cannot fail.
	_ = members(raw, "", func(name []byte, v value) {
		if v.kind != kindNull {
			b[string(name)] = v
		}
	})
}

// elements calls each for the elements of an array, which must be JSON, until it returns false.
func elements(raw []byte, each func(value) bool) {
	s := &scanner{data: raw, pos: len("[")}
	if s.space(); s.peek() == ']' {
		return
	}
	for {
		s.space()
		v := s.value(0)
		if s.bad || !each(v) {
			return
		}
		if s.space(); !s.take(',') {
			return
		}
	}
}

// ReadBatch returns the commands of a batch, and the other members of its body. Each command is
// read by itself, as a frame is, so that a bad one does not affect the others. Unlike in frames,
// each change may have a key. The caller checks that it has one if it needs one.
func ReadBatch(data []byte) (commands []ports.Command, rest Body, err error) {
	body := Body{}
	var flawed *chat.Error
	if err := members(data, "the body", func(name []byte, v value) {
		isList := string(name) == "commands"
		if flawed == nil && (!isList || v.inName) { // flaws in a command belong to that command
			flawed = v.check(name, "the body")
		}
		if v.kind != kindNull {
			body[string(name)] = v
		}
	}); err != nil {
		return nil, nil, errBody
	}
	if flawed != nil {
		return nil, nil, flawed
	}
	v, ok, err := body.want("commands", kindArray, "an array")
	switch {
	case err != nil:
		return nil, nil, err
	case !ok:
		return nil, nil, chat.Errorf(chat.Invalid, "commands is missing")
	}
	elements(v.raw, func(v value) bool {
		c := ports.Command{Ask: ports.Malformed{Err: errCommand}}
		if v.kind == kindObject && utf8.Valid(v.raw) {
			c = decodeKeyed(v.raw)
		}
		commands = append(commands, c)
		return len(commands) <= MaxBatch
	})
	if n := len(commands); n == 0 || n > MaxBatch {
		return nil, nil, chat.Errorf(chat.Invalid, "commands must have 1 to %d elements", MaxBatch)
	}
	delete(body, "commands")
	return commands, body, nil
}

var errCommand = chat.Errorf(chat.BadRequest, "a command must be one JSON object, in UTF-8")

// decodeKeyed is like Decode, but each change may have a key.
func decodeKeyed(data []byte) ports.Command {
	var f fields
	c := f.decode(data)
	change, ok := c.Ask.(ports.Change)
	if !ok {
		return c
	}
	c.Ask = change.WithKey(f.key())
	if f.err != nil {
		c.Ask, c.As = ports.Malformed{Of: ports.NameOf(change), Err: f.err}, nil
	}
	return c
}

// AppendError appends the part of an error that a client may see to dst, as an object.
func AppendError(dst []byte, err error) []byte {
	o := object{dst: append(dst, '{')}
	o.failure(chat.AsError(err))
	return append(o.dst, '}')
}
