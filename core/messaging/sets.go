package messaging

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// needs refuses a command if not all nodes have the feature: a node of an earlier release could not
// serve it. The error is that of an unknown type.
func (s *Service) needs(ctx context.Context, feature string) error {
	if s.cfg.Slots != nil {
		select {
		case <-s.runs:
			if s.audience.Has(feature) {
				return nil
			}
		case <-ctx.Done():
		}
	}
	return chat.Errorf(chat.UnknownType, "%s are not offered here now: not all nodes of the service have them yet", feature)
}

// set returns the fact of a change that sets something.
func (s *Service) set(ctx context.Context, by chat.Identity, change ports.Change) (fact chat.Fact, key chat.Key, err error) {
	feature := ports.FeaturePins
	switch c := change.(type) {
	case ports.Pin:
		key = c.Key
		fact = chat.Set{Type: chat.Pinned, Target: c.Seq, Data: chat.Pin{By: by.User, Until: c.Until}.Data()}
	case ports.Unpin:
		key = c.Key
		fact = chat.Set{Type: chat.Pinned, Target: c.Seq}
	case ports.Set:
		if !c.Type.Own() {
			return nil, "", chat.Errorf(chat.Internal, "the type %q is none of an application's own", c.Type)
		}
		feature, key = ports.FeatureSets, c.Key
		fact = chat.Set{Type: c.Type, Target: c.Target, Slot: c.Slot, Data: c.Data}
	}
	return fact, key, s.needs(ctx, feature)
}

// Pins implements ports.Sets.
func (s *Service) Pins(ctx context.Context, by chat.Identity, query ports.PinsQuery) (ports.PinsPage, error) {
	page := ports.PinsPage{Room: query.Room}
	if err := s.mayLookAt(ctx, by, query.Room, ports.FeaturePins); err != nil {
		return page, err
	}
	pins, err := s.cfg.Slots.Pins(ctx, query.Room, query.Before, query.Limit+1)
	if err != nil || len(pins) == 0 {
		return page, err
	}
	more := len(pins) > query.Limit
	pins = pins[:min(len(pins), query.Limit)]
	seqs := make([]chat.Seq, len(pins))
	for i, p := range pins {
		seqs[i] = p.Message
	}
	entries, err := s.cfg.Log.Read(ctx, query.Room, ports.Span{Among: seqs, Limit: len(seqs), Viewer: by.User})
	if err != nil {
		return page, err
	}
	bytes := 0
	for i, p := range pins {
		at, found := slices.BinarySearchFunc(entries, p.Message, func(e chat.Entry, seq chat.Seq) int { return int(e.Seq - seq) })
		if !found {
			continue
		}
		e := &entries[at]
		if bytes += s.cfg.Measure(e) + len(","); bytes > s.cfg.AnswerBytes-answerHead && len(page.Messages) > 0 {
			more = true
			break
		}
		page.Next = pins[i].SetBy
		// Otherwise it was unpinned or deleted between the two queries.
		if m, said := e.Fact.(chat.Message); said && pinned(m) {
			page.Messages = append(page.Messages, *e)
		}
	}
	if !more {
		page.Next = 0
	}
	return page, nil
}

func pinned(m chat.Message) bool {
	return slices.ContainsFunc(m.Slots, func(is chat.Slot) bool { return is.Type == chat.Pinned })
}

// RoomSets implements ports.Sets.
func (s *Service) RoomSets(ctx context.Context, by chat.Identity, room chat.RoomID) ([]chat.Slot, error) {
	if err := s.mayLookAt(ctx, by, room, ports.FeatureSets); err != nil {
		return nil, err
	}
	all, err := s.cfg.Slots.RoomSlots(ctx, []chat.RoomID{room})
	return slices.DeleteFunc(all[room], func(is chat.Slot) bool { return !is.Type.Own() }), err
}

// mayLookAt checks that by may read what is set on a room.
func (s *Service) mayLookAt(ctx context.Context, by chat.Identity, room chat.RoomID, feature string) error {
	if err := s.limiter.take(by, costRead); err != nil {
		return err
	}
	if err := s.needs(ctx, feature); err != nil {
		return err
	}
	_, _, err := s.standing(ctx, by, room)
	return err
}

// described returns what is set on rooms, of the given types. It does not ask the store about rooms
// that nobody has ever changed. If it asks about some of the rooms only, its error may be a Partial
// even if all of these are away.
func (s *Service) described(ctx context.Context, rooms []chat.Room, types ...chat.SetType) (map[chat.RoomID]ports.Metadata, error) {
	var changed []chat.RoomID
	for i := range rooms {
		if rooms[i].Changed > 0 {
			changed = append(changed, rooms[i].ID)
		}
	}
	if len(changed) == 0 || s.cfg.Slots == nil {
		return nil, nil
	}
	all, err := s.cfg.Slots.RoomSlots(ctx, changed, types...)
	switch {
	case err == nil, ports.IsPartial(err):
	case errors.Is(err, chat.Unavailable) && len(changed) < len(rooms):
		return nil, &ports.Partial{Lacks: func(room chat.RoomID) bool { return slices.Contains(changed, room) }, Err: err}
	default:
		return nil, err
	}
	of := make(map[chat.RoomID]ports.Metadata, len(all))
	for room, slots := range all {
		of[room] = metadata(slots)
	}
	return of, err
}

// listTypes are the types that lists of rooms show.
var listTypes = []chat.SetType{chat.RoomTopic, chat.RoomAvatar}

// metadataTypes are the types that make up a room's metadata.
var metadataTypes = []chat.SetType{chat.RoomTopic, chat.RoomAvatar, chat.RoomCustom, chat.RoomMayPin, chat.RoomMaySet}

func metadata(slots []chat.Slot) (is ports.Metadata) {
	for _, slot := range slots {
		text := chat.ReadText(slot.Data)
		switch slot.Type {
		case chat.RoomTopic:
			is.Topic = text
		case chat.RoomAvatar:
			is.Avatar = text
		case chat.RoomCustom:
			is.Custom = append(is.Custom, slot)
		case chat.RoomMayPin:
			is.MayPin, _ = chat.ParseSettingRole(text) // a value of a later release shows as none
		case chat.RoomMaySet:
			is.MaySet, _ = chat.ParseSettingRole(text)
		}
	}
	return is
}

// metadataSets returns the facts that make a change of metadata. Those that unset something come
// first, as they make room for the others.
func metadataSets(change ports.RoomChange) (facts []chat.Set) {
	text := func(of chat.SetType, wish *string) {
		if wish != nil {
			facts = append(facts, chat.Set{Type: of, Data: chat.Text(*wish)})
		}
	}
	role := func(of chat.SetType, wish *chat.Role) {
		switch {
		case wish == nil:
		case *wish == chat.None:
			facts = append(facts, chat.Set{Type: of})
		default:
			facts = append(facts, chat.Set{Type: of, Data: chat.Text(wish.String())})
		}
	}
	text(chat.RoomTopic, change.Topic)
	text(chat.RoomAvatar, change.Avatar)
	role(chat.RoomMayPin, change.MayPin)
	role(chat.RoomMaySet, change.MaySet)
	for _, key := range slices.Sorted(maps.Keys(change.Custom)) {
		facts = append(facts, chat.Set{Type: chat.RoomCustom, Slot: key, Data: change.Custom[key]})
	}
	unset := func(f chat.Set) bool { return f.Data == nil }
	first := slices.DeleteFunc(slices.Clone(facts), func(f chat.Set) bool { return !unset(f) })
	return append(first, slices.DeleteFunc(facts, unset)...)
}

// mayDescribe checks a change of metadata as a whole, before any part of it is recorded. The log
// checks each part again.
func (s *Service) mayDescribe(ctx context.Context, room chat.RoomID, facts []chat.Set) error {
	if len(facts) == 0 {
		return nil
	}
	if err := s.needs(ctx, ports.FeatureMetadata); err != nil {
		return err
	}
	custom := false
	for i := range facts {
		if err := facts[i].Check(time.Now()); err != nil {
			return err
		}
		custom = custom || facts[i].Type == chat.RoomCustom
	}
	if !custom {
		return nil
	}
	all, err := s.cfg.Slots.RoomSlots(ctx, []chat.RoomID{room}, chat.RoomCustom)
	if err != nil {
		return err
	}
	keys := map[string]int{}
	for _, is := range all[room] {
		keys[is.Slot] = len(is.Slot) + len(is.Data)
	}
	for _, f := range facts {
		if delete(keys, f.Slot); f.Type == chat.RoomCustom && f.Data != nil {
			keys[f.Slot] = len(f.Slot) + len(f.Data)
		}
	}
	bytes := 0
	for _, n := range keys {
		bytes += n
	}
	if len(keys) > chat.MaxCustomKeys || bytes > chat.MaxCustomBytes {
		return chat.Errorf(chat.Conflict, "custom may have %d keys, and %d bytes together", chat.MaxCustomKeys, chat.MaxCustomBytes)
	}
	return nil
}
