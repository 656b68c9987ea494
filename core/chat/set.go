package chat

import (
	"strings"
	"time"
)

// Set sets a slot on a message, or on the room, to a value. A Set that is read from a store has its
// data only while the slot still holds what this entry set. A later set or a deletion removes the
// data for ever.
type Set struct {
	Type   SetType
	Target Seq    // the message; 0: the room itself
	Slot   string // which of the slots of that type on the target; most types have the one "" only
	Data   []byte // a JSON value; nil: the slot is emptied, or a later set has replaced it
}

// SetType says what a slot is for. Types that begin with OwnPrefix belong to the application: the
// service keeps their values and does not look into them. A type that only a later release knows is
// passed on unchanged, and cannot be proposed.
type SetType string

// The types.
const (
	Pinned     SetType = "pinned"       // on a message: a Pin
	RoomTopic  SetType = "room.topic"   // a text, see ParseTopic
	RoomAvatar SetType = "room.avatar"  // a text, see ParseRoomAvatar
	RoomCustom SetType = "room.custom"  // any value; the slot's name is its key
	RoomMayPin SetType = "room.may_pin" // the role that it takes to pin: "write" or "moderate"
	// The role that it takes to set types of the application's own.
	RoomMaySet SetType = "room.may_set"
)

// OwnPrefix begins the types that belong to the application.
const OwnPrefix = "x."

// Own reports whether the type belongs to the application.
func (t SetType) Own() bool { return strings.HasPrefix(string(t), OwnPrefix) }

// Limits on sets. Bytes are those of names and values of slots.
const (
	MaxSetTypeChars = 64
	MaxSlotChars    = 64
	MaxSetBytes     = 4096 // of one value

	MaxPins = 100 // messages of a room that are pinned at once

	MaxMessageSlots = 16 // of the application's own, on one message
	MaxMessageBytes = 8 << 10
	MaxRoomSlots    = 100 // of the application's own, on a room
	MaxRoomBytes    = 64 << 10

	MaxCustomKeys = 32 // of a room; with their values they have MaxCustomBytes together

	MaxTopicChars      = 1000
	MaxRoomAvatarBytes = 1000
)

// Slot is a slot that holds a value.
type Slot struct {
	Type  SetType
	Slot  string
	SetBy Seq // the entry that set it
	Data  []byte
}

// SetTerms are the conditions for sets of a type on a target.
type SetTerms struct {
	Role    Role    // the role that the author needs
	Setting SetType // the slot of the room that may name another role; empty: none
	OfRoom  bool    // it is a property of the room, as its name is
	Cap     Cap
}

// Cap bounds how many slots hold a value at once; 0 is no bound.
type Cap struct {
	Slots, Bytes int
	Pins         bool   // counts the pins of all messages; otherwise what is set on one target
	What         string // what is counted, in words
}

// kindOfSet is everything that is special about a type.
type kindOfSet struct {
	terms SetTerms
	room  bool // it is on the room, and not on a message
	keyed bool // it has slots by other names than ""
	check func(data []byte, now time.Time) error
}

// setKinds has all types except those of the application.
var setKinds = map[SetType]kindOfSet{
	Pinned: {
		terms: SetTerms{Role: Moderate, Setting: RoomMayPin, Cap: Cap{Slots: MaxPins, Pins: true, What: "pinned messages"}},
		check: checkPin,
	},
	RoomTopic:  {terms: ofRoom, room: true, check: checkTextOf(ParseTopic)},
	RoomAvatar: {terms: ofRoom, room: true, check: checkTextOf(ParseRoomAvatar)},
	RoomCustom: {
		terms: SetTerms{Role: Moderate, OfRoom: true, Cap: Cap{Slots: MaxCustomKeys, Bytes: MaxCustomBytes, What: "keys in custom"}},
		room:  true, keyed: true,
	},
	RoomMayPin: {terms: ofRoom, room: true, check: checkRole},
	RoomMaySet: {terms: ofRoom, room: true, check: checkRole},
}

var ofRoom = SetTerms{Role: Moderate, OfRoom: true}

// ownKind returns what is special about the application's types on a target.
func ownKind(target Seq) kindOfSet {
	terms := SetTerms{Role: Write, Setting: RoomMaySet, Cap: Cap{Slots: MaxMessageSlots, Bytes: MaxMessageBytes, What: "slots of types x. on one message"}}
	if target == 0 {
		terms.Cap = Cap{Slots: MaxRoomSlots, Bytes: MaxRoomBytes, What: "slots of types x. on a room"}
	}
	return kindOfSet{terms: terms, room: target == 0, keyed: true}
}

// Known reports whether this release knows the type, so that it may be proposed.
func (t SetType) Known() bool {
	_, known := setKinds[t]
	return known || t.Own()
}

// Terms returns the conditions for the set. Its type must be Known.
func (s Set) Terms() SetTerms { return s.kind().terms }

func (s Set) kind() kindOfSet {
	if s.Type.Own() {
		return ownKind(s.Target)
	}
	return setKinds[s.Type]
}

// Check returns an Invalid error if the set breaks a rule. Its type must be Known. now is when it
// is to be set. Check does not verify that the data is JSON: the decoder does.
func (s Set) Check(now time.Time) error {
	kind := s.kind()
	if s.Type.Own() {
		if _, err := ParseOwnType(string(s.Type)); err != nil {
			return err
		}
	}
	switch {
	case s.Target < 0 || s.Target > MaxSeq:
		return Errorf(Invalid, "target must be the seq of a message")
	case kind.room != (s.Target == 0) && kind.room:
		return Errorf(Invalid, "%s is set on the room: target must not be there", s.Type)
	case kind.room != (s.Target == 0):
		return Errorf(Invalid, "%s is set on a message: target must be its seq", s.Type)
	case !kind.keyed && s.Slot != "":
		return Errorf(Invalid, "%s has one slot only: slot must be empty", s.Type)
	case s.Type == RoomCustom && s.Slot == "":
		return Errorf(Invalid, "a key of custom must have 1 to %d characters", MaxSlotChars)
	case len(s.Data) > MaxSetBytes:
		return Errorf(Invalid, "data must have at most %d bytes", MaxSetBytes)
	}
	if _, err := ParseSlot(s.Slot); err != nil {
		return err
	}
	if s.Data == nil || kind.check == nil {
		return nil
	}
	return kind.check(s.Data, now)
}

// Counts reports whether a slot of that type counts against the cap of the set.
func (s Set) Counts(other SetType) bool { return s.Type == other || s.Type.Own() && other.Own() }

// Due returns when what is set ends by itself, or the zero time where it does not.
func (s Set) Due() time.Time {
	if s.Type != Pinned || s.Data == nil {
		return time.Time{}
	}
	pin, err := ParsePin(s.Data)
	if err != nil {
		return time.Time{}
	}
	return pin.Until
}

// ParseOwnType returns s as a type of the application's own, or an Invalid error: x. and 1–62
// characters of a-z 0-9 . _ -.
func ParseOwnType(s string) (SetType, error) {
	name, own := strings.CutPrefix(s, OwnPrefix)
	if !own || name == "" || len(s) > MaxSetTypeChars || strings.ContainsFunc(name, func(r rune) bool { return !small(r) && !strings.ContainsRune("._-", r) }) {
		return "", Errorf(Invalid, "set must be %s and 1 to %d characters of a-z 0-9 . _ -", OwnPrefix, MaxSetTypeChars-len(OwnPrefix))
	}
	return SetType(s), nil
}

// ParseSlot returns s, the name of a slot, or an Invalid error: it has up to 64 characters of a-z
// A-Z 0-9 . _ : @ -.
func ParseSlot(s string) (string, error) {
	odd := func(r rune) bool { return !small(r) && (r < 'A' || 'Z' < r) && !strings.ContainsRune("._:@-", r) }
	if len(s) > MaxSlotChars || strings.ContainsFunc(s, odd) {
		return "", Errorf(Invalid, "a slot's name must have at most %d characters, of a-z A-Z 0-9 . _ : @ - only", MaxSlotChars)
	}
	return s, nil
}

func small(r rune) bool { return 'a' <= r && r <= 'z' || '0' <= r && r <= '9' }

// ParseTopic returns s without white space around it, or an Invalid error: a topic is UTF-8, has up
// to 1,000 characters and no control characters but line feed and tab. An empty one is none.
func ParseTopic(s string) (string, error) { return parseText("topic", s, MaxTopicChars) }

// ParseRoomAvatar is ParseAvatar for a room's picture, whose address has up to 1,000 bytes.
func ParseRoomAvatar(s string) (string, error) {
	if len(s) > MaxRoomAvatarBytes {
		return "", Errorf(Invalid, "avatar must have at most %d bytes", MaxRoomAvatarBytes)
	}
	return ParseAvatar(s)
}
