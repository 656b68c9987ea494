package wire

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/parley-chat/parley/core/chat"
)

// Limits of an entry that this version does not know.
const (
	MaxTypeChars    = 64
	MaxUnknownBytes = 32 << 10
)

// ownMembers are the members of every entry, and the target.
var ownMembers = []string{"type", "room", "seq", "at", "author", "via", "traceparent", "target"}

// Unknown returns the fact of an entry whose kind a later version added. Its type is name, or is
// made of its number if the name is not valid for clients. Its members are those of data, if that
// is an object, except ownMembers. columns are the other columns of its row, by the names of
// members; zero ones are left out. If the members together exceed MaxUnknownBytes, all are left
// out; the entry itself is still passed on.
func Unknown(name string, number int, target chat.Seq, data []byte, columns map[string]any) chat.Unknown {
	u := chat.Unknown{Type: typeOf(name, number), Target: max(target, 0)}
	members := map[string]any{}
	for member, value := range columns {
		if role, ok := value.(chat.Role); ok && role != chat.None {
			value = role.String()
		}
		if says(value) {
			members[member] = value
		}
	}
	var given map[string]json.RawMessage
	if len(data) <= MaxUnknownBytes && goodObject(data) && json.Unmarshal(data, &given) == nil {
		for member, value := range given {
			members[member] = value
		}
	}
	for _, member := range ownMembers {
		delete(members, member)
	}
	if len(members) > 0 {
		u.Data = encodeObject(members)
	}
	return u
}

// goodObject reports whether a text is one object that every client's parser can read, with the
// same result.
func goodObject(text []byte) bool {
	s := &scanner{data: text}
	v := s.value(0)
	return !s.bad && s.pos == len(text) && v.kind == kindObject && s.flaw == flawNone
}

func typeOf(name string, number int) string {
	_, known := knownTypes[name]
	switch {
	case name != "" && !known && utf8.ValidString(name) && utf8.RuneCountInString(name) <= MaxTypeChars && !strings.ContainsFunc(name, unicode.IsControl):
		return name
	case number > 0:
		return "kind" + strconv.Itoa(number)
	}
	return "unknown"
}

// knownTypes are the types of this version's frames: an unknown entry may not have one of them.
var knownTypes = map[string]struct{}{
	"message": {}, "edited": {}, "deleted": {}, "reacted": {}, "member": {}, "room": {}, "set": {},
	"welcome": {}, "ok": {}, "error": {}, "typing": {}, "presence": {}, "read": {}, "left": {}, "drain": {}, "user": {},
}

// says reports whether a column is not zero.
func says(value any) bool {
	v := reflect.ValueOf(value)
	return v.IsValid() && !v.IsZero() && (v.Kind() != reflect.Slice || v.Len() > 0)
}

// encodeObject encodes members as an object, in the order of their names. It returns nil if that
// fails or is too large.
func encodeObject(members map[string]any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(members); err != nil || b.Len() > MaxUnknownBytes {
		return nil
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}
