package wire

import (
	"bytes"
	"slices"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// formBytes is how many bytes an entry usually takes as JSON, without those that its Size counts.
const formBytes = 240

// AppendBatch appends a batch as hooks get it to dst: the body of a webhook, or one of the batches
// that a hook pulls. The result depends only on b. Entries are written without their trace, which
// only new entries have, so that a later try has the same bytes.
func AppendBatch(dst []byte, b *ports.HookBatch) []byte { return appendBatch(dst, b, false) }

// AppendTest appends the body of a parcel that tests a hook to dst. It has a list of entries, which
// is empty. So a receiver that ignores the type finds nothing to do.
func AppendTest(dst []byte, hook chat.HookID) []byte {
	o := object{dst: append(dst, '{')}
	o.text("type", "test")
	o.text("hook", string(hook))
	o.name("entries")
	return append(o.dst, '[', ']', '}')
}

// AppendSignals appends the body of a parcel of signals to dst. Each signal has the form that
// clients get, and when it arose. Its list of entries is empty, as in a test.
func AppendSignals(dst []byte, hook chat.HookID, signals []ports.HookSignal) []byte {
	o := object{dst: append(dst, '{')}
	o.text("type", "signals")
	o.text("hook", string(hook))
	o.name("signals")
	o.dst = append(o.dst, '[')
	for i, s := range signals {
		if i > 0 {
			o.dst = append(o.dst, ',')
		}
		one := object{dst: append(o.dst, '{')}
		one.signal(s.Signal)
		one.time("at", s.At)
		o.dst = append(one.dst, '}')
	}
	o.dst = append(o.dst, ']')
	o.name("entries")
	return append(o.dst, '[', ']', '}')
}

func appendBatch(dst []byte, b *ports.HookBatch, withID bool) []byte {
	o := object{dst: append(dst, '{')}
	o.text("type", "entries")
	if withID {
		o.text("id", b.ID)
	}
	o.text("hook", string(b.Hook))
	o.text("room", string(b.Room))
	o.seq("first", b.First)
	o.seq("last", b.Last)
	o.seq("head", b.Head)
	o.name("entries")
	o.dst = append(o.dst, '[')
	if b.Forms != nil {
		size := 0
		for i := range b.Entries {
			size += formBytes + b.Entries[i].Size()
		}
		o.dst = slices.Grow(o.dst, size)
	}
	for i := range b.Entries {
		if i > 0 {
			o.dst = append(o.dst, ',')
		}
		if e := &b.Entries[i]; b.Forms == nil {
			o.dst = appendUntraced(o.dst, e)
		} else {
			o.dst = append(o.dst, b.Forms[i].Of(func() []byte { return appendUntraced(make([]byte, 0, formBytes+e.Size()), e) })...)
		}
	}
	return append(o.dst, ']', '}')
}

// appendUntraced appends an entry as hooks get it: without its trace, which is sent beside the
// entries.
func appendUntraced(dst []byte, entry *chat.Entry) []byte {
	e := *entry
	e.Trace = ""
	return AppendEntry(dst, &e)
}

// AppendBatches appends the answer to a request that pulls: batches with their ids. A webhook has
// its id in a header.
func AppendBatches(dst []byte, batches []ports.HookBatch) []byte {
	dst = append(dst, `{"batches":[`...)
	for i := range batches {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendBatch(dst, &batches[i], true)
	}
	return append(dst, ']', '}')
}

// ReadAnswer reads the answer of a hook's owner to a batch of a room. An answer that is no JSON
// object ("OK", or an empty one) means that all of it was taken. A command that cannot be read is
// returned with its error, and does not keep the others from being done. If ack cannot be read, or
// there are more commands than MaxHookCommands, the whole answer is an error.
func ReadAnswer(data []byte, room chat.RoomID) (a ports.HookAnswer, err error) {
	if text := bytes.TrimLeft(data, " \t\r\n\ufeff"); len(text) == 0 || text[0] != '{' {
		return a, nil
	}
	body := Body{}
	if err := members(data, "the answer", func(name []byte, v value) {
		if v.kind != kindNull {
			body[string(name)] = v
		}
	}); err != nil {
		return a, err
	}
	return body.Answer(room)
}

// Answer reads the members ack and do of a body, as ReadAnswer does.
func (b Body) Answer(room chat.RoomID) (a ports.HookAnswer, err error) {
	ack, ok, err := b.want("ack", kindNumber, "a number")
	if err != nil {
		return a, err
	}
	if ok {
		n, whole := ack.integer()
		if !whole || n < 0 || n > int64(chat.MaxSeq) {
			return a, chat.Errorf(chat.Invalid, "ack must be a whole number from 0 to %d", chat.MaxSeq)
		}
		seq := chat.Seq(n)
		a.Ack = &seq
	}
	do, ok, err := b.want("do", kindArray, "an array")
	if err != nil || !ok {
		return a, err
	}
	n := 0
	eachItem(do.raw, func(v value) bool {
		if n++; n <= ports.MaxHookCommands {
			a.Do = append(a.Do, readCommand(v, room))
		}
		return true
	})
	if n > ports.MaxHookCommands {
		return ports.HookAnswer{}, chat.Errorf(chat.Invalid,
			"do has %d commands, and may have %d at most: none of them is done; to do more, take a part of the entries by ack", n, ports.MaxHookCommands)
	}
	return a, nil
}

var errNoCommand = chat.Errorf(chat.BadRequest, "a command must be an object")

// eachItem calls each for the items of an array, until it returns false. array must be one.
func eachItem(array []byte, each func(value) bool) {
	s := &scanner{data: array}
	s.take('[')
	if s.space(); s.take(']') {
		return
	}
	for {
		v := s.value(0)
		if s.bad || !each(v) {
			return
		}
		if s.space(); !s.take(',') {
			return
		}
	}
}

// readCommand reads one command for a hook's bot. It has the form of a socket's frame. It is for
// the given room unless it names another.
func readCommand(v value, room chat.RoomID) (c ports.HookCommand) {
	if v.kind != kindObject {
		return ports.HookCommand{Err: errNoCommand}
	}
	var f fields
	if err := members(v.raw, "a command", f.take); err != nil {
		return ports.HookCommand{Err: err}
	}
	if !f.has(nameRoom) {
		f.at[nameRoom] = value{kind: kindString, raw: appendString(nil, string(room))}
	}
	ask, err := f.command()
	if err != nil {
		return ports.HookCommand{Err: err}
	}
	change, ok := ask.(ports.Change)
	if !ok {
		return ports.HookCommand{Err: chat.Errorf(chat.Invalid, "a hook's bot can send, edit, delete, react, pin and set, and not %s", ports.NameOf(ask))}
	}
	c.Change, c.Key = change, f.key()
	if f.err != nil {
		return ports.HookCommand{Err: f.err}
	}
	return c
}

// Has reports whether there is a member of that name.
func (b Body) Has(name string) bool { _, ok := b[name]; return ok }

// Whole returns a member that is a whole number within bounds, and whether it exists.
func (b Body) Whole(name string, minimum, maximum int64) (int64, bool, error) {
	v, ok, err := b.want(name, kindNumber, "a number")
	if !ok {
		return 0, false, err
	}
	n, whole := v.integer()
	if !whole || n < minimum || n > maximum {
		return 0, false, chat.Errorf(chat.Invalid, "%s must be a whole number from %d to %d", name, minimum, maximum)
	}
	return n, true, nil
}

// Texts returns a member that is an array of strings, or nil if it is missing.
func (b Body) Texts(name string) ([]string, error) {
	v, ok, err := b.want(name, kindArray, "an array of strings")
	if !ok {
		return nil, err
	}
	list, good := []string{}, true
	eachItem(v.raw, func(item value) bool {
		if good = item.kind == kindString; good {
			list = append(list, unquote(item.raw))
		}
		return good
	})
	if !good {
		return nil, chat.Errorf(chat.BadRequest, "%s must be an array of strings", name)
	}
	return list, nil
}

// Object returns a member that is an object, or nil if it is missing.
func (b Body) Object(name string) (Body, error) {
	v, ok, err := b.want(name, kindObject, "an object")
	if !ok {
		return nil, err
	}
	inner := Body{}
	if err := members(v.raw, name, func(member []byte, v value) {
		if v.kind != kindNull {
			inner[string(member)] = v
		}
	}); err != nil {
		return nil, err
	}
	return inner, nil
}
