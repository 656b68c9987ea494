package wire

import (
	"bytes"
	"unicode/utf8"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// MaxIDChars is the maximum length of a client's id, in characters.
const MaxIDChars = 64

// Decode returns a frame's command. It never fails: if the frame is not a command, it returns
// ports.Malformed, with the frame's id if that is valid. The result does not refer to data.
//
// Members are matched by their exact names; null means that a member is missing. JSON that is not
// I-JSON is refused, even in a member that v1 does not have.
func Decode(data []byte) ports.Command {
	var f fields
	return f.decode(data)
}

func (f *fields) decode(data []byte) ports.Command {
	if err := members(data, "a frame", f.take); err != nil {
		return ports.Command{Ask: ports.Malformed{Err: err}}
	}
	id, err := f.id()
	if err != nil {
		return ports.Command{Ask: ports.Malformed{Of: f.kind(), Err: err}}
	}
	as := f.as()
	ask, err := f.command()
	if err != nil {
		ask, as = ports.Malformed{Of: f.kind(), Err: err}, nil
	}
	return ports.Command{ID: id, Trace: f.trace(), As: as, Ask: ask}
}

// name is a member of some command.
type name uint8

const (
	nameType name = iota
	nameID
	nameRoom
	nameToken
	nameAfter
	nameBefore
	nameLimit
	nameBody
	nameKey
	nameReplyTo
	nameMeta
	nameSeq
	nameEmoji
	nameRemove
	nameOnly
	nameOn
	nameTraceparent
	nameAs
	nameIfHead
	nameSilent
	nameIDs
	nameUntil
	nameSet
	nameTarget
	nameSlot
	nameData
	nameQ
	nameAuthor
	nameFrom
	nameTo
	nameHas
	namePublic
	nameCursor
	nameAtLeast
	names
)

var nameTexts = [names]string{
	"type", "id", "room", "token", "after", "before", "limit", "body", "key", "reply_to", "meta", "seq", "emoji", "remove", "only", "on",
	"traceparent", "as", "if_head", "silent", "ids", "until", "set", "target", "slot", "data",
	"q", "author", "from", "to", "has", "public", "cursor", "at_least",
}

// fields are the members of a frame that v1 knows, and the first error in the members that were
// read.
type fields struct {
	at     [names]value
	err    *chat.Error
	flawed *chat.Error // the first member that is not I-JSON
}

func (f *fields) take(member []byte, v value) {
	if f.flawed == nil {
		f.flawed = v.check(member, "a frame")
	}
	for n := range nameTexts {
		if string(member) == nameTexts[n] {
			f.at[n] = v
			return
		}
	}
}

// want returns a member that must be of a kind, and whether it exists.
func (f *fields) want(n name, k kind, kindText string) (value, bool) {
	v := f.at[n]
	if v.kind == kindBad || v.kind == kindNull {
		return value{}, false
	}
	if v.kind != k {
		f.fail(chat.BadRequest, "%s must be %s", nameTexts[n], kindText)
		return value{}, false
	}
	return v, true
}

func (f *fields) fail(k chat.Kind, format string, args ...any) {
	if f.err == nil {
		f.err = chat.Errorf(k, format, args...)
	}
}

// keep keeps the error of a Parse function, unless there was one before.
func (f *fields) keep(err error) {
	if err != nil && f.err == nil {
		f.err = chat.AsError(err)
	}
}

func (f *fields) text(n name) (string, bool) {
	v, ok := f.want(n, kindString, "a string")
	if !ok {
		return "", false
	}
	return unquote(v.raw), true
}

// needed returns the text of a required member.
func (f *fields) needed(n name) string {
	s, ok := f.text(n)
	if !ok {
		f.fail(chat.Invalid, "%s is missing", nameTexts[n])
	}
	return s
}

func (f *fields) flag(n name, otherwise bool) bool {
	v := f.at[n]
	if v.kind == kindBad || v.kind == kindNull {
		return otherwise
	}
	if v.kind != kindBool {
		f.fail(chat.BadRequest, "%s must be true or false", nameTexts[n])
	}
	return string(v.raw) == "true"
}

// number returns a whole number from minimum to maximum, or otherwise if it is missing.
func (f *fields) number(n name, minimum, maximum, otherwise int64) int64 {
	v, ok := f.want(n, kindNumber, "a number")
	if !ok {
		return otherwise
	}
	i, whole := v.integer()
	if !whole || i < minimum || i > maximum {
		f.fail(chat.Invalid, "%s must be a whole number from %d to %d", nameTexts[n], minimum, maximum)
	}
	return i
}

func (f *fields) has(n name) bool { k := f.at[n].kind; return k != kindBad && k != kindNull }

func (f *fields) room() chat.RoomID {
	s := f.needed(nameRoom)
	if f.err != nil {
		return ""
	}
	id, err := chat.ParseRoomID(s)
	f.keep(err)
	return id
}

func (f *fields) body() string {
	s := f.needed(nameBody)
	if f.err != nil {
		return ""
	}
	body, err := chat.ParseBody(s)
	f.keep(err)
	return body
}

// seq returns a seq that an entry can have.
func (f *fields) seq(n name) chat.Seq {
	if !f.has(n) {
		f.fail(chat.Invalid, "%s is missing", nameTexts[n])
	}
	return chat.Seq(f.number(n, 1, int64(chat.MaxSeq), 0))
}

// cursor returns a seq or 0, or nil if it is missing.
func (f *fields) cursor(n name) *chat.Seq {
	if !f.has(n) {
		return nil
	}
	seq := chat.Seq(f.number(n, 0, int64(chat.MaxSeq), 0))
	return &seq
}

func (f *fields) key() chat.Key {
	s, ok := f.text(nameKey)
	if !ok {
		return ""
	}
	key, err := chat.ParseKey(s)
	f.keep(err)
	return key
}

func (f *fields) meta() []byte {
	v, ok := f.want(nameMeta, kindObject, "an object")
	if !ok {
		return nil
	}
	if err := v.checkMeta(1); err != nil {
		f.keep(err)
		return nil
	}
	return bytes.Clone(v.raw)
}

func (f *fields) id() (string, error) {
	s, ok := f.text(nameID)
	if v := &f.at[nameID]; v.flaw != flawNone {
		f.keep(v.check([]byte("id"), "a frame"))
	}
	if f.err == nil && ok && (s == "" || utf8.RuneCountInString(s) > MaxIDChars) {
		f.fail(chat.Invalid, "id must have 1 to %d characters", MaxIDChars)
	}
	if f.err != nil {
		return "", f.err
	}
	return s, nil
}

// trace returns the trace that the client continues. An invalid one counts as missing.
func (f *fields) trace() chat.Trace {
	v := f.at[nameTraceparent]
	if v.kind != kindString {
		return ""
	}
	return chat.ParseTrace(string(bare(v.raw)))
}

// as returns for whom the frame asks, or nil if it is for the sender.
func (f *fields) as() *chat.As {
	v, ok := f.want(nameAs, kindObject, "an object")
	if !ok || f.flawed != nil {
		return nil
	}
	whom, err := readAs(v)
	f.keep(err)
	return whom
}

// command returns the frame's command.
func (f *fields) command() (ports.Ask, error) {
	if f.flawed != nil {
		return nil, f.flawed
	}
	v, ok := f.want(nameType, kindString, "a string")
	if !ok {
		f.fail(chat.BadRequest, "type is missing")
		return nil, f.err
	}
	t, known := types[string(bare(v.raw))]
	if !known {
		return nil, chat.Errorf(chat.UnknownType, "there is no type %.40q", unquote(v.raw))
	}
	ask := f.ask(t)
	if f.err != nil {
		return nil, f.err
	}
	return ask, nil
}

// kind returns the type of the frame if it is one of v1.
func (f *fields) kind() string {
	v := f.at[nameType]
	if v.kind != kindString {
		return ""
	}
	name := string(bare(v.raw))
	if _, known := types[name]; !known {
		return ""
	}
	return name
}

// frameType is a type of a client's frame.
type frameType uint8

const (
	typeAuth frameType = iota
	typeJoin
	typeLeave
	typeSend
	typeEdit
	typeDelete
	typeReact
	typeHistory
	typeRead
	typeTyping
	typePresence
	typeUsers
	typePing
	typePin
	typeUnpin
	typeSet
	typeSearch
)

var types = map[string]frameType{
	"auth": typeAuth, "join": typeJoin, "leave": typeLeave, "send": typeSend, "edit": typeEdit, "delete": typeDelete, "react": typeReact,
	"history": typeHistory, "read": typeRead, "typing": typeTyping, "presence": typePresence, "users": typeUsers, "ping": typePing,
	"pin": typePin, "unpin": typeUnpin, "set": typeSet, "search": typeSearch,
}

// ask reads the fields of a type. It is a switch and not a table of functions, so that f stays on
// the stack.
func (f *fields) ask(t frameType) ports.Ask {
	switch t {
	case typeAuth:
		return ports.Auth{Token: f.needed(nameToken)}
	case typeJoin:
		return f.join()
	case typeLeave:
		return ports.Leave{Room: f.room()}
	case typeSend:
		return f.send()
	case typeEdit:
		return ports.Edit{Room: f.room(), Seq: f.seq(nameSeq), Body: f.body()}
	case typeDelete:
		return ports.Delete{Room: f.room(), Seq: f.seq(nameSeq)}
	case typeReact:
		return f.react()
	case typeHistory:
		return f.history()
	case typeRead:
		return ports.Mark{Room: f.room(), Seq: f.seq(nameSeq)}
	case typeTyping:
		return ports.Typing{Room: f.room(), On: f.flag(nameOn, true)}
	case typePresence:
		return ports.Presence{Room: f.room()}
	case typeUsers:
		return ports.Users{IDs: f.users()}
	case typePin:
		return ports.Pin{Room: f.room(), Seq: f.seq(nameSeq), Until: f.moment(nameUntil)}
	case typeUnpin:
		return ports.Unpin{Room: f.room(), Seq: f.seq(nameSeq)}
	case typeSet:
		return f.set()
	case typeSearch:
		return f.search()
	default:
		return ports.Ping{}
	}
}

func (f *fields) join() ports.Ask {
	return ports.Join{
		Room: f.room(), After: f.cursor(nameAfter), Limit: int(f.number(nameLimit, 0, ports.MaxPage, ports.DefaultPage)),
	}
}

func (f *fields) send() ports.Ask {
	s := ports.Send{Room: f.room(), Body: f.body(), Key: f.key(), Meta: f.meta(), IfHead: f.cursor(nameIfHead), Silent: f.flag(nameSilent, false)}
	if f.has(nameReplyTo) {
		s.ReplyTo = f.seq(nameReplyTo)
	}
	return s
}

func (f *fields) react() ports.Ask {
	r := ports.React{Room: f.room(), Seq: f.seq(nameSeq), Remove: f.flag(nameRemove, false)}
	emoji, err := chat.ParseEmoji(f.needed(nameEmoji))
	f.keep(err)
	r.Emoji = emoji
	return r
}

func (f *fields) set() ports.Ask {
	s := ports.Set{Room: f.room(), Key: f.key()}
	of := f.needed(nameSet)
	if f.err == nil {
		var err error
		s.Type, err = chat.ParseOwnType(of)
		f.keep(err)
	}
	if f.has(nameTarget) {
		s.Target = f.seq(nameTarget)
	}
	if slot, ok := f.text(nameSlot); ok {
		var err error
		s.Slot, err = chat.ParseSlot(slot)
		f.keep(err)
	}
	switch v := f.at[nameData]; v.kind {
	case kindBad:
		f.fail(chat.Invalid, "data is missing; null unsets the slot")
	case kindNull:
	default:
		if err := v.checkData("data", 1); err != nil {
			f.keep(err)
			break
		}
		s.Data = bytes.Clone(v.raw)
	}
	return s
}

func (f *fields) history() ports.Ask {
	h := ports.History{
		Room: f.room(), After: f.cursor(nameAfter), Limit: int(f.number(nameLimit, 1, ports.MaxPage, ports.DefaultPage)),
	}
	if f.has(nameBefore) {
		h.Before = f.seq(nameBefore)
	}
	if h.Before > 0 && h.After != nil {
		f.fail(chat.Invalid, "before and after exclude each other")
	}
	if only, ok := f.text(nameOnly); ok {
		if h.Messages = only == "messages"; !h.Messages {
			f.fail(chat.Invalid, "only must be messages")
		}
	}
	return h
}
