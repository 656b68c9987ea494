// Package notices encodes what nodes tell each other by a bus, for the adapters of buses.
//
// A packet is a message in the wire format of Protocol Buffers
// (https://protobuf.dev/programming-guides/encoding/), whose field numbers are the constants of
// this package. A number never gets another meaning. A node skips fields and facts that it does not
// know, so that nodes of two releases can work together.
package notices

import (
	"crypto/rand"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// Packet is one message on a bus.
type Packet struct {
	From    ports.NodeID // the sender
	Log     chat.LogID   // the sender's log; empty: unknown, as from nodes of earlier releases
	Entries []chat.Entry
	Heads   []Head
	Notice  ports.Notice // or nil
}

// Head tells that a room's head is at least Seq.
type Head struct {
	Room chat.RoomID
	Seq  chat.Seq
}

// Place is a node's place on a bus: what its packets say about the node, and which packets of
// others it accepts.
type Place struct {
	Self    ports.NodeID
	Log     func() chat.LogID // the node's log; nil or empty: unknown, which accepts all packets
	Foreign func(chat.LogID)  // called for each packet of another log, which is dropped; may be nil
}

// NewPlace returns a new place, for one run of a node.
func NewPlace(log func() chat.LogID, foreign func(chat.LogID)) Place {
	return Place{Self: ports.NodeID(rand.Text()), Log: log, Foreign: foreign}
}

func (at Place) log() chat.LogID {
	if at.Log == nil {
		return ""
	}
	return at.Log()
}

// Packet returns an empty packet of the place.
func (at Place) Packet() Packet { return Packet{From: at.Self, Log: at.log()} }

// takes reports whether the place accepts packets of a log. Entries and seqs of another log would
// be mistaken for those of this one.
func (at Place) takes(theirs chat.LogID) bool {
	own := at.log()
	if theirs == "" || own == "" || theirs == own {
		return true
	}
	if at.Foreign != nil {
		at.Foreign(theirs)
	}
	return false
}

// Tell passes the packet's contents to a listener, unless the packet is the place's own or of
// another log.
func (p *Packet) Tell(at Place, l ports.Listener) {
	if p.From == at.Self || !at.takes(p.Log) {
		return
	}
	if len(p.Entries) > 0 {
		l.Entries(p.Entries)
	}
	for _, h := range p.Heads {
		l.Head(h.Room, h.Seq)
	}
	if p.Notice != nil {
		l.Hear(p.Notice)
	}
}

// The fields of a packet.
const (
	packetFrom protowire.Number = iota + 1
	packetEntry
	packetHead
	packetSignal
	packetPresence
	packetAlive
	packetStanding
	packetDisconnected
	packetRevoked
	packetLog
	packetAdded
	packetProfile
	packetGrown
	packetHooks
	packetWriting
)

// The fields of an entry. One of those from entryMessage on is its fact.
const (
	entryRoom protowire.Number = iota + 1
	entrySeq
	entryAt // Unix nanoseconds
	entryAuthor
	entryName
	entryKey
	entryMessages
	entryTrace
	entryMessage
	entryEdited
	entryDeleted
	entryReacted
	entryMember
	entryRoomChanged
	entryUnknown
	entryVia
	entrySet
)

// The fields of facts, signals and notices: each kind uses some of them.
const (
	fieldRoom protowire.Number = iota + 1
	fieldUser
	fieldSeq // also: the target of a change, what a message replies to
	fieldBody
	fieldMeta
	fieldEmoji
	fieldOff // removed, going
	fieldCount
	fieldChange
	fieldRole
	fieldName
	fieldKind
	fieldOn
	fieldNode
	fieldVersion
	fieldPresent // nested: fieldUser and fieldName
	fieldAsk
	fieldUntil // Unix nanoseconds
	fieldType
	fieldData
	fieldFeature // repeated
	fieldBy      // who did it; fieldName is their name
	fieldSilent
	fieldSlot // of a set, whose type is fieldType
	fieldHead // repeated and nested: fieldRoom and fieldSeq
)

// Append appends the packet to b.
func (p *Packet) Append(b []byte) []byte {
	b = text(text(b, packetFrom, string(p.From)), packetLog, string(p.Log))
	for i := range p.Entries {
		b = nested(b, packetEntry, func(b []byte) []byte { return appendEntry(b, &p.Entries[i]) })
	}
	for _, h := range p.Heads {
		b = nested(b, packetHead, func(b []byte) []byte { return number(text(b, fieldRoom, string(h.Room)), fieldSeq, int64(h.Seq)) })
	}
	return appendNotice(b, p.Notice)
}

func appendNotice(b []byte, notice ports.Notice) []byte {
	switch n := notice.(type) {
	case ports.Signalled:
		return nested(b, packetSignal, func(b []byte) []byte {
			b = text(b, fieldRoom, string(n.Room))
			b = text(b, fieldUser, string(n.User))
			b = number(b, fieldKind, int64(n.Kind))
			b = flag(b, fieldOn, n.On)
			return number(b, fieldSeq, int64(n.Seq))
		})
	case ports.NodePresence:
		return nested(b, packetPresence, func(b []byte) []byte { return appendPresence(b, n) })
	case ports.Alive:
		return nested(b, packetAlive, func(b []byte) []byte {
			b = flag(flag(text(b, fieldNode, string(n.Node)), fieldOff, n.Going), fieldAsk, n.Ask)
			for _, feature := range n.Features {
				b = text(b, fieldFeature, feature)
			}
			return b
		})
	case ports.Writing:
		return nested(b, packetWriting, func(b []byte) []byte { return text(b, fieldNode, string(n.Node)) })
	case ports.StandingChanged:
		return nested(b, packetStanding, func(b []byte) []byte {
			return flag(text(text(b, fieldRoom, string(n.Room)), fieldUser, string(n.User)), fieldOn, n.Opened)
		})
	case ports.MemberAdded:
		return nested(b, packetAdded, func(b []byte) []byte {
			b = text(text(b, fieldRoom, string(n.Room)), fieldUser, string(n.User))
			return number(text(text(b, fieldBy, string(n.By.ID)), fieldName, n.By.Name), fieldRole, int64(n.Role))
		})
	case ports.ProfileChanged:
		return nested(b, packetProfile, func(b []byte) []byte {
			return number(text(b, fieldUser, string(n.User)), fieldVersion, n.Version)
		})
	case ports.HooksChanged:
		return nested(b, packetHooks, func(b []byte) []byte { return b })
	case ports.Disconnected:
		return nested(b, packetDisconnected, func(b []byte) []byte { return text(b, fieldUser, string(n.User)) })
	case ports.Grown:
		return nested(b, packetGrown, func(b []byte) []byte {
			for _, h := range n.Rooms {
				b = nested(b, fieldHead, func(b []byte) []byte { return number(text(b, fieldRoom, string(h.Room)), fieldSeq, int64(h.Head)) })
			}
			return b
		})
	case ports.Revoked:
		return nested(b, packetRevoked, func(b []byte) []byte {
			return nanoseconds(text(b, fieldUser, string(n.User)), fieldUntil, n.Until)
		})
	}
	return b
}

func appendPresence(b []byte, p ports.NodePresence) []byte {
	b = text(b, fieldNode, string(p.Node))
	b = text(b, fieldRoom, string(p.Room))
	b = number(b, fieldVersion, int64(p.Version))
	for _, u := range p.Users {
		b = nested(b, fieldPresent, func(b []byte) []byte { return text(text(b, fieldUser, string(u.ID)), fieldName, u.Name) })
	}
	return flag(number(b, fieldCount, int64(p.Total)), fieldAsk, p.Ask)
}

func appendEntry(b []byte, e *chat.Entry) []byte {
	b = text(b, entryRoom, string(e.Room))
	b = number(b, entrySeq, int64(e.Seq))
	b = nanoseconds(b, entryAt, e.At)
	b = text(b, entryAuthor, string(e.Author.ID))
	b = text(b, entryName, e.Author.Name)
	b = text(b, entryVia, e.Via)
	b = text(b, entryKey, string(e.Key))
	b = number(b, entryMessages, e.Messages)
	b = text(b, entryTrace, string(e.Trace))
	switch f := e.Fact.(type) {
	case chat.Message:
		return nested(b, entryMessage, func(b []byte) []byte {
			b = text(number(text(b, fieldBody, f.Body), fieldSeq, int64(f.ReplyTo)), fieldMeta, string(f.Meta))
			return flag(b, fieldSilent, f.Silent)
		})
	case chat.Edited:
		return nested(b, entryEdited, func(b []byte) []byte { return text(number(b, fieldSeq, int64(f.Target)), fieldBody, f.Body) })
	case chat.Deleted:
		return nested(b, entryDeleted, func(b []byte) []byte { return number(b, fieldSeq, int64(f.Target)) })
	case chat.Reacted:
		return nested(b, entryReacted, func(b []byte) []byte {
			b = text(number(b, fieldSeq, int64(f.Target)), fieldEmoji, f.Emoji)
			return number(flag(b, fieldOff, f.Removed), fieldCount, int64(f.Count))
		})
	case chat.MemberChanged:
		return nested(b, entryMember, func(b []byte) []byte {
			return number(text(text(b, fieldUser, string(f.User)), fieldChange, string(f.Change)), fieldRole, int64(f.Role))
		})
	case chat.RoomChanged:
		return nested(b, entryRoomChanged, func(b []byte) []byte {
			return text(text(b, fieldChange, string(f.Change)), fieldName, f.Name)
		})
	case chat.Set:
		return nested(b, entrySet, func(b []byte) []byte {
			b = text(text(number(b, fieldSeq, int64(f.Target)), fieldType, string(f.Type)), fieldSlot, f.Slot)
			return text(b, fieldData, string(f.Data))
		})
	case chat.Unknown:
		return nested(b, entryUnknown, func(b []byte) []byte {
			return text(text(number(b, fieldSeq, int64(f.Target)), fieldType, f.Type), fieldData, string(f.Data))
		})
	}
	return b
}

// text appends a field of bytes. An empty one is left out, like all zero values.
func text(b []byte, field protowire.Number, s string) []byte {
	if s == "" {
		return b
	}
	return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), s)
}

func number(b []byte, field protowire.Number, n int64) []byte {
	if n == 0 {
		return b
	}
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), uint64(n))
}

// nanoseconds appends a time. It leaves out the zero time, which has no Unix time; so it does with
// the first nanosecond of 1970.
func nanoseconds(b []byte, field protowire.Number, at time.Time) []byte {
	if at.IsZero() {
		return b
	}
	return number(b, field, at.UnixNano())
}

func flag(b []byte, field protowire.Number, on bool) []byte {
	if !on {
		return b
	}
	return number(b, field, 1)
}

// nested appends a field that is a message. Two bytes are reserved for the length before it; if the
// length takes more or fewer bytes, the message is moved.
func nested(b []byte, field protowire.Number, fill func([]byte) []byte) []byte {
	const kept = 2
	b = protowire.AppendTag(b, field, protowire.BytesType)
	start := len(b)
	b = fill(append(b, make([]byte, kept)...))
	size := len(b) - start - kept
	if need := protowire.SizeVarint(uint64(size)); need != kept {
		if need > kept {
			b = append(b, make([]byte, need-kept)...)
		}
		copy(b[start+need:], b[start+kept:start+kept+size])
		b = b[:start+need+size]
	}
	_ = protowire.AppendVarint(b[:start], uint64(size)) // in place
	return b
}

// utc returns a time in UTC, like the times of stores.
func utc(nanoseconds int64) time.Time {
	if nanoseconds == 0 {
		return time.Time{}
	}
	return time.Unix(0, nanoseconds).UTC()
}
