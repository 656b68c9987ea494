package wire

import "github.com/parley-chat/parley/core/chat"

// SetMembers returns what the row of a set's entry says of it beside its target, as one JSON
// object: a release that does not know sets passes just that on.
func SetMembers(of chat.SetType, slot string) []byte {
	o := object{dst: []byte{'{'}}
	o.text("set", string(of))
	o.text("slot", slot)
	return append(o.dst, '}')
}

// ReadSetMembers is the way back. It reports false where the row says something else.
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
