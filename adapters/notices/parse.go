package notices

import (
	"errors"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/parley-chat/parley/adapters/wire"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// Parse reads a packet. The result shares no memory with b. An entry becomes a head if this version
// does not know its fact, or if a part is missing or invalid: the entry is in the log, and the
// readers of the log handle it.
func Parse(b []byte) (p Packet, err error) {
	err = fields(b, func(f field) error {
		switch f.number {
		case packetFrom:
			p.From = ports.NodeID(f.text())
		case packetLog:
			p.Log = chat.LogID(f.text())
		case packetEntry:
			return p.entry(f)
		case packetHead:
			return p.head(f)
		case packetSignal:
			return p.signal(f)
		case packetPresence:
			return p.presence(f)
		case packetGrown:
			return p.grown(f)
		case packetHooks:
			p.Notice = ports.HooksChanged{}
		case packetAlive, packetStanding, packetAdded, packetProfile, packetDisconnected, packetRevoked, packetWriting:
			return p.toAll(f)
		}
		return nil
	})
	return p, err
}

// fact has the fields of all facts, signals and notices.
type fact struct {
	room, user, body, meta, emoji, change, name, node, kindName, data, by, slot string
	seq, count, role, kind, version, until                                      int64
	off, on, ask, silent                                                        bool
	present                                                                     []chat.Author
	features                                                                    []string
}

func parseFact(b []byte) (v fact, err error) {
	err = fields(b, func(f field) error {
		switch f.number {
		case fieldRoom:
			v.room = f.text()
		case fieldUser:
			v.user = f.text()
		case fieldBody:
			v.body = f.text()
		case fieldMeta:
			v.meta = f.text()
		case fieldEmoji:
			v.emoji = f.text()
		case fieldChange:
			v.change = f.text()
		case fieldName:
			v.name = f.text()
		case fieldNode:
			v.node = f.text()
		case fieldType:
			v.kindName = f.text()
		case fieldData:
			v.data = f.text()
		case fieldBy:
			v.by = f.text()
		case fieldSlot:
			v.slot = f.text()
		case fieldFeature:
			if feature := f.text(); feature != "" {
				v.features = append(v.features, feature)
			}
		case fieldSeq:
			v.seq = f.value
		case fieldCount:
			v.count = f.value
		case fieldRole:
			v.role = f.value
		case fieldKind:
			v.kind = f.value
		case fieldVersion:
			v.version = f.value
		case fieldUntil:
			v.until = f.value
		case fieldOff:
			v.off = f.value != 0
		case fieldOn:
			v.on = f.value != 0
		case fieldSilent:
			v.silent = f.value != 0
		case fieldAsk:
			v.ask = f.value != 0
		case fieldPresent:
			u, err := parseFact(f.bytes)
			v.present = append(v.present, chat.Author{ID: chat.UserID(u.user), Name: u.name})
			return err
		}
		return nil
	})
	return v, err
}

func (p *Packet) entry(packed field) error {
	var e chat.Entry
	err := fields(packed.bytes, func(f field) (err error) {
		switch f.number {
		case entryRoom:
			e.Room = chat.RoomID(f.text())
		case entrySeq:
			e.Seq = chat.Seq(f.value)
		case entryAt:
			e.At = utc(f.value)
		case entryAuthor:
			e.Author.ID = chat.UserID(f.text())
		case entryName:
			e.Author.Name = f.text()
		case entryVia:
			e.Via = f.text()
		case entryKey:
			e.Key = chat.Key(f.text())
		case entryMessages:
			e.Messages = f.value
		case entryTrace:
			e.Trace = chat.Trace(f.text())
		default:
			if f.number >= entryMessage && f.number <= entrySet {
				e.Fact, err = factOf(f)
			}
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case !isPlace(e.Room, e.Seq):
		return errors.New("an entry without a place")
	case isWhole(&e):
		p.Entries = append(p.Entries, e)
	default:
		p.Heads = append(p.Heads, Head{e.Room, e.Seq})
	}
	return nil
}

// isPlace reports whether an entry may have this room and seq.
func isPlace(room chat.RoomID, seq chat.Seq) bool { return room != "" && seq > 0 && isSeq(seq) }

func isSeq(seq chat.Seq) bool { return 0 <= seq && seq <= chat.MaxSeq }

// isWhole reports whether an entry has a time and a fact, and all its numbers are in range. The
// caller checks the place.
func isWhole(e *chat.Entry) bool {
	if e.At.IsZero() || !isSeq(chat.Seq(e.Messages)) {
		return false
	}
	switch f := e.Fact.(type) {
	case chat.Message:
		return isSeq(f.ReplyTo)
	case chat.Edited:
		return f.Target > 0 && isSeq(f.Target)
	case chat.Deleted:
		return f.Target > 0 && isSeq(f.Target)
	case chat.Reacted:
		return f.Target > 0 && isSeq(f.Target) && f.Count >= 0
	case chat.MemberChanged:
		return f.Role <= chat.Moderate
	case chat.Set:
		return isSeq(f.Target) && f.Type != "" && (f.Data == nil || wire.GoodValue(f.Data))
	case chat.Unknown:
		return isSeq(f.Target)
	case chat.RoomChanged:
		return true
	}
	return false
}

func factOf(f field) (chat.Fact, error) {
	v, err := parseFact(f.bytes)
	if err != nil {
		return nil, err
	}
	target := chat.Seq(v.seq)
	switch f.number {
	case entryMessage:
		m := chat.Message{Body: v.body, ReplyTo: target, Silent: v.silent}
		if v.meta != "" {
			m.Meta = []byte(v.meta)
		}
		return m, nil
	case entryEdited:
		return chat.Edited{Target: target, Body: v.body}, nil
	case entryDeleted:
		return chat.Deleted{Target: target}, nil
	case entryReacted:
		return chat.Reacted{Target: target, Emoji: v.emoji, Removed: v.off, Count: int(v.count)}, nil
	case entryMember:
		role := chat.Role(min(uint64(v.role), math.MaxUint8)) // an unknown role stays unknown
		return chat.MemberChanged{User: chat.UserID(v.user), Change: chat.MemberChange(v.change), Role: role}, nil
	case entryRoomChanged:
		return chat.RoomChanged{Change: chat.RoomChange(v.change), Name: v.name}, nil
	case entrySet:
		f := chat.Set{Type: chat.SetType(v.kindName), Target: target, Slot: v.slot}
		if v.data != "" {
			f.Data = []byte(v.data)
		}
		return f, nil
	default:
		return wire.Unknown(v.kindName, 0, target, []byte(v.data), nil), nil
	}
}

func (p *Packet) head(f field) error {
	v, err := parseFact(f.bytes)
	head := Head{chat.RoomID(v.room), chat.Seq(v.seq)}
	if err == nil && !isPlace(head.Room, head.Seq) {
		return errors.New("a head without a place")
	}
	p.Heads = append(p.Heads, head)
	return err
}

func (p *Packet) signal(f field) error {
	v, err := parseFact(f.bytes)
	if err == nil && (v.room == "" || v.user == "" || !isSeq(chat.Seq(v.seq))) {
		err = errors.New("a signal without a user or a room, or with an invalid seq")
	}
	if v.kind == int64(chat.SignalTyping) || v.kind == int64(chat.SignalRead) {
		p.Notice = ports.Signalled{Signal: chat.Signal{
			Room: chat.RoomID(v.room), User: chat.UserID(v.user), Kind: chat.SignalKind(v.kind), On: v.on, Seq: chat.Seq(v.seq),
		}}
	}
	return err
}

func (p *Packet) presence(f field) error {
	v, err := parseFact(f.bytes)
	p.Notice = ports.NodePresence{
		Node: ports.NodeID(v.node), Room: chat.RoomID(v.room), Version: uint64(v.version), Users: v.present,
		Total: int(v.count), Ask: v.ask,
	}
	if err == nil && (v.node == "" || v.room == "" || v.count < 0 || v.count > math.MaxInt32) {
		err = errors.New("a presence without a node or a room, or with an invalid total")
	}
	return err
}

// grown reads which rooms have grown.
func (p *Packet) grown(packed field) error {
	var grown ports.Grown
	err := fields(packed.bytes, func(f field) error {
		if f.number != fieldHead {
			return nil
		}
		v, err := parseFact(f.bytes)
		head := ports.RoomHead{Room: chat.RoomID(v.room), Head: chat.Seq(v.seq)}
		if err == nil && !isPlace(head.Room, head.Head) {
			err = errors.New("a room that has grown, without a seq")
		}
		grown.Rooms = append(grown.Rooms, head)
		return err
	})
	if err == nil && (len(grown.Rooms) == 0 || len(grown.Rooms) > ports.MaxGrown) {
		err = errors.New("a notice of no rooms, or of too many")
	}
	p.Notice = grown
	return err
}

func (p *Packet) toAll(f field) error {
	v, err := parseFact(f.bytes)
	room, user := chat.RoomID(v.room), chat.UserID(v.user)
	var named bool
	switch f.number {
	case packetAlive:
		p.Notice, named = ports.Alive{Node: ports.NodeID(v.node), Going: v.off, Ask: v.ask, Features: v.features}, v.node != ""
	case packetWriting:
		p.Notice, named = ports.Writing{Node: ports.NodeID(v.node)}, v.node != ""
	case packetStanding:
		p.Notice, named = ports.StandingChanged{Room: room, User: user, Opened: v.on}, room != ""
	case packetAdded:
		by := chat.Author{ID: chat.UserID(v.by), Name: v.name}
		p.Notice, named = ports.MemberAdded{Room: room, User: user, By: by, Role: chat.Role(v.role)}, room != "" && user != "" && by.ID != ""
		named = named && chat.Read <= chat.Role(v.role) && v.role <= int64(chat.Moderate)
	case packetProfile:
		p.Notice, named = ports.ProfileChanged{User: user, Version: v.version}, user != "" && v.version > 0
	case packetDisconnected:
		p.Notice, named = ports.Disconnected{User: user}, user != ""
	default:
		p.Notice, named = ports.Revoked{User: user, Until: utc(v.until)}, user != "" && v.until != 0
	}
	if err == nil && !named {
		err = errors.New("an incomplete or invalid notice")
	}
	return err
}

// field is one field of a message: bytes or value, by its type.
type field struct {
	number protowire.Number
	bytes  []byte
	value  int64
}

func (f field) text() string { return string(f.bytes) }

// fields calls each with the fields of a message. It skips wire types that packets do not use.
func fields(b []byte, each func(field) error) error {
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		f := field{number: number}
		switch kind {
		case protowire.BytesType:
			f.bytes, n = protowire.ConsumeBytes(b)
		case protowire.VarintType:
			var v uint64
			v, n = protowire.ConsumeVarint(b)
			f.value = int64(v)
		default:
			f.number = 0
			n = protowire.ConsumeFieldValue(number, kind, b)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		if err := each(f); err != nil {
			return err
		}
	}
	return nil
}
