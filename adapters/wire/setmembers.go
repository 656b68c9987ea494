package wire

import (
	"bytes"

	"github.com/parley-chat/parley/core/chat"
)

// SetMembers returns the members of a set's entry besides its target, as one JSON object. It is
// stored in the entry's row. A release that does not know sets passes it on.
func SetMembers(of chat.SetType, slot string) []byte {
	o := object{dst: []byte{'{'}}
	o.text("set", string(of))
	o.text("slot", slot)
	return append(o.dst, '}')
}

// ReadSetMembers is the reverse of SetMembers. ok is false if data is something else.
func ReadSetMembers(data []byte) (of chat.SetType, slot string, ok bool) {
	var has [2]bool
	err := members(data, "a set", func(name []byte, v value) {
		if v.kind != kindString {
			return
		}
		switch string(name) {
		case "set":
			of, has[0] = chat.SetType(unquote(v.raw)), true
		case "slot":
			slot, has[1] = unquote(v.raw), true
		}
	})
	return of, slot, err == nil && has[0] && has[1]
}

// AppendSlots appends the slots that are set on a room to dst, as an object.
func AppendSlots(dst []byte, room chat.RoomID, slots []chat.Slot) []byte {
	o := object{dst: append(dst, '{')}
	o.text("room", string(room))
	o.name("sets")
	o.dst = append(o.dst, '[')
	for i := range slots {
		if i > 0 {
			o.dst = append(o.dst, ',')
		}
		o.slot(&slots[i])
	}
	o.dst = append(o.dst, ']')
	return append(o.dst, '}')
}

// Data returns the required member data: the value that is to be set.
func (b Body) Data() ([]byte, error) {
	v, ok := b["data"]
	if !ok {
		return nil, chat.Errorf(chat.Invalid, "data is missing; DELETE unsets the slot")
	}
	if err := v.checkData("data", 1); err != nil {
		return nil, err
	}
	return bytes.Clone(v.raw), nil
}

// CustomKeys returns the keys and values of the member custom; a null becomes nil. It returns nil
// if the member is missing.
func (b Body) CustomKeys() (map[string][]byte, error) {
	const maxKeys = 2 * chat.MaxCustomKeys
	v, ok, err := b.want("custom", kindObject, "an object")
	if !ok {
		return nil, err
	}
	keys := map[string][]byte{}
	var bad *chat.Error
	if err := members(v.raw, "custom", func(name []byte, v value) {
		if err := v.checkData("a value in custom", 1); err != nil && bad == nil {
			bad = err
		}
		keys[string(name)] = nil
		if v.kind != kindNull {
			keys[string(name)] = bytes.Clone(v.raw)
		}
	}); err != nil {
		return nil, err
	}
	switch {
	case bad != nil:
		return nil, bad
	case len(keys) > maxKeys:
		return nil, chat.Errorf(chat.Invalid, "custom must have at most %d keys at once", maxKeys)
	}
	return keys, nil
}

// Role returns a member that is a role, as a room's setting names it, or nil if it is missing.
func (b Body) Role(name string) (*chat.Role, error) {
	text, err := b.Text(name)
	if err != nil || text == nil {
		return nil, err
	}
	role, err := chat.ParseSettingRole(*text)
	if err != nil {
		return nil, chat.Errorf(chat.Invalid, "%s must be write or moderate", name)
	}
	return &role, nil
}
