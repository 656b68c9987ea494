package portstest

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// testModel appends random batches to a store and to a model of a room, which is only a list of
// entries, and compares all that both return.
func (s *storeSuite) testModel(t *testing.T) {
	t.Parallel()
	t.Run("random batches do what a plain list of entries would", func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(t *rapid.T) {
			r := newRoom(t, s.store)
			m := &model{created: r.user("u0").stands().Room, marks: map[chat.UserID]chat.Seq{}}
			for range rapid.IntRange(1, 4).Draw(t, "calls") {
				proposals := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) chat.Proposal { return drawProposal(t, r) }), 1, 14).Draw(t, "proposals")
				drawGroups(t, proposals)
				outcomes := r.appends(proposals...)
				for i := 0; i < len(outcomes); {
					n := runOf(proposals[i:])
					if n == 1 {
						m.check(t, proposals[i], outcomes[i])
					} else {
						m.checkTogether(t, proposals[i:i+n], outcomes[i:i+n])
					}
					i += n
				}
				mark := chat.Seq(rapid.IntRange(0, len(m.log)).Draw(t, "mark"))
				reader := r.user(fmt.Sprint("u", rapid.IntRange(0, 3).Draw(t, "reader")))
				reader.marks(mark)
				m.marks[reader.id] = max(m.marks[reader.id], mark)
				m.compare(t, r)
			}
		})
	})
}

// model is a room as the list of its entries in their first form. It computes everything else from
// them.
type model struct {
	created chat.Room
	log     []chat.Entry
	marks   map[chat.UserID]chat.Seq
}

// check compares the outcome of a proposal with the model's, and adds its entry to the model.
func (m *model) check(t tester, p chat.Proposal, got ports.Outcome) {
	t.Helper()
	status, kind, seq, fact := m.decide(p)
	if got.Status != status || status != ports.Refused && got.Entry.Seq != seq || status == ports.Refused && !isKind(got.Err, kind) {
		t.Fatalf("%+v gives %s, want %s %s %d", p, showOutcome(got), statusNames[status], kind, seq)
	}
	if changed, ok := p.Fact.(chat.MemberChanged); ok && changed.Change == chat.MemberLeft && (status == ports.Appended || status == ports.Unchanged) {
		delete(m.marks, changed.User)
	}
	if status != ports.Appended {
		return
	}
	entry := chat.Entry{Room: p.Room, Seq: seq, At: got.Entry.At, Author: p.Author, Key: p.Key, Messages: m.messages(len(m.log)), Fact: fact}
	if _, ok := fact.(chat.Message); ok {
		entry.Messages++
	}
	m.log = append(m.log, entry)
}

func isKind(err error, kind chat.Kind) bool { return err != nil && chat.AsError(err).Kind == kind }

// decide returns the outcome that a proposal should have.
func (m *model) decide(p chat.Proposal) (ports.Status, chat.Kind, chat.Seq, chat.Fact) {
	next := chat.Seq(len(m.log) + 1)
	for _, e := range m.log {
		if e.Author.ID == p.Author.ID && e.Key == p.Key {
			if !sameThing(p.Fact, e.Fact) {
				return ports.Refused, chat.Conflict, 0, nil
			}
			return ports.Duplicate, "", e.Seq, nil
		}
	}
	_, member := p.Fact.(chat.MemberChanged)
	_, property := p.Fact.(chat.RoomChanged)
	set, sets := p.Fact.(chat.Set)
	if m.room().Archived && !member && !property && !(sets && set.Type == chat.RoomTopic) {
		return ports.Refused, chat.Conflict, 0, nil
	}
	switch f := p.Fact.(type) {
	case chat.Message:
		if f.ReplyTo != 0 && !m.isMessage(f.ReplyTo) {
			return ports.Refused, chat.NotFound, 0, nil
		}
		if p.IfHead != nil && *p.IfHead != next-1 {
			return ports.Refused, chat.Conflict, 0, nil
		}
	case chat.MemberChanged:
		place, since := m.member(f.User)
		if f.Change == chat.MemberLeft && place.Banned && f.User == p.Author.ID {
			return ports.Refused, chat.Forbidden, 0, nil
		}
		fact, same := settle(f, place)
		if same {
			return ports.Unchanged, "", since, nil
		}
		return ports.Appended, "", next, fact
	case chat.RoomChanged:
		if same, since := m.isSet(f); same {
			return ports.Unchanged, "", since, nil
		}
	case chat.Set:
		return m.decideSet(f, next)
	default:
		return m.decideChange(p.Author.ID, f, next)
	}
	return ports.Appended, "", next, p.Fact
}

// decideSet returns the outcome that a set should have.
func (m *model) decideSet(f chat.Set, next chat.Seq) (ports.Status, chat.Kind, chat.Seq, chat.Fact) {
	if f.Target != 0 && !m.isMessage(f.Target) {
		return ports.Refused, chat.NotFound, 0, nil
	}
	if f.Target != 0 && m.deletion(f.Target) != nil {
		return ports.Refused, chat.Conflict, 0, nil
	}
	if is := m.setter(f, len(m.log)); is == nil && f.Data == nil {
		return ports.Unchanged, "", 0, nil
	} else if is != nil && f.Data != nil && bytes.Equal(is.Fact.(chat.Set).Data, f.Data) {
		return ports.Unchanged, "", is.Seq, nil
	}
	return ports.Appended, "", next, f
}

// deletion returns the entry that deleted a message, or nil.
func (m *model) deletion(target chat.Seq) *chat.Entry {
	return m.last(target, func(f chat.Fact, _ chat.UserID) bool { _, ok := f.(chat.Deleted); return ok })
}

// setter returns the last of the first n entries that sets the slot of f. It returns nil if that
// unsets the slot, or if a deletion has removed the value.
func (m *model) setter(f chat.Set, n int) *chat.Entry {
	for i := n - 1; i >= 0; i-- {
		e := &m.log[i]
		if gone, ok := e.Fact.(chat.Deleted); ok && gone.Target == f.Target {
			return nil
		}
		if is, ok := e.Fact.(chat.Set); ok && is.Type == f.Type && is.Target == f.Target && is.Slot == f.Slot {
			if is.Data == nil {
				return nil
			}
			return e
		}
	}
	return nil
}

// slots returns what is set on a message.
func (m *model) slots(target chat.Seq) (slots []chat.Slot) {
	for _, of := range []chat.SetType{"x.a", "x.b"} {
		for _, slot := range []string{"", "a"} {
			if e := m.setter(setOf(of, target, slot, ""), len(m.log)); e != nil {
				slots = append(slots, chat.Slot{Type: of, Slot: slot, SetBy: e.Seq, Data: e.Fact.(chat.Set).Data})
			}
		}
	}
	return slots
}

// decideChange returns the outcome that a change of a message should have.
func (m *model) decideChange(by chat.UserID, fact chat.Fact, next chat.Seq) (ports.Status, chat.Kind, chat.Seq, chat.Fact) {
	target := chat.Target(fact)
	if !m.isMessage(target) {
		return ports.Refused, chat.NotFound, 0, nil
	}
	deletion := m.deletion(target)
	if _, ok := fact.(chat.Deleted); ok && deletion != nil {
		return ports.Unchanged, "", deletion.Seq, nil
	}
	if deletion != nil {
		return ports.Refused, chat.Conflict, 0, nil
	}
	if reacted, ok := fact.(chat.Reacted); ok {
		reacted.Emoji = m.firstForm(target, reacted.Emoji)
		mine := m.last(target, func(f chat.Fact, author chat.UserID) bool {
			r, ok := f.(chat.Reacted)
			return ok && r.Emoji == reacted.Emoji && author == by
		})
		switch {
		case mine == nil && reacted.Removed:
			return ports.Unchanged, "", 0, nil
		case mine != nil && mine.Fact.(chat.Reacted).Removed == reacted.Removed:
			return ports.Unchanged, "", mine.Seq, nil
		}
		now := len(m.reacting(target, reacted.Emoji))
		if reactions := m.presentMessage(target, chat.Message{}, "").Reactions; now == 0 && len(reactions) >= maxReactions {
			return ports.Refused, chat.Conflict, 0, nil
		}
		reacted.Count = now + 1
		if reacted.Removed {
			reacted.Count -= 2
		}
		fact = reacted
	}
	return ports.Appended, "", next, fact
}

// settle returns a change of a member as the log has it, or that it changes nothing.
func settle(f chat.MemberChanged, place chat.Member) (_ chat.MemberChanged, same bool) {
	switch f.Change {
	case chat.MemberLeft:
		return f, place == chat.Member{}
	case chat.MemberBanned:
		return f, place.Banned
	}
	f.Change = chat.MemberJoined
	if place.Role != chat.None {
		f.Change = chat.MemberRole
	}
	return f, place.Role == f.Role
}

func (m *model) isMessage(seq chat.Seq) bool {
	if seq < 1 || int(seq) > len(m.log) {
		return false
	}
	_, ok := m.log[seq-1].Fact.(chat.Message)
	return ok
}

// last returns the last entry that changes target and is as wanted, or nil.
func (m *model) last(target chat.Seq, wanted func(chat.Fact, chat.UserID) bool) *chat.Entry {
	for i := len(m.log) - 1; i >= 0; i-- {
		if e := &m.log[i]; e.Target() == target && wanted(e.Fact, e.Author.ID) {
			return e
		}
	}
	return nil
}

// firstForm returns an emoji on a message as it was first sent.
func (m *model) firstForm(target chat.Seq, emoji string) string {
	for _, e := range m.log {
		if f, ok := e.Fact.(chat.Reacted); ok && f.Target == target && chat.EmojiID(f.Emoji) == chat.EmojiID(emoji) {
			return f.Emoji
		}
	}
	return emoji
}

// reacting returns who reacts to a message with an emoji.
func (m *model) reacting(target chat.Seq, emoji string) map[chat.UserID]bool {
	users := map[chat.UserID]bool{}
	for _, e := range m.log {
		if f, ok := e.Fact.(chat.Reacted); ok && f.Target == target && f.Emoji == emoji {
			if users[e.Author.ID] = true; f.Removed {
				delete(users, e.Author.ID)
			}
		}
	}
	return users
}

// member returns a user's place and the seq of the entry that set it.
func (m *model) member(user chat.UserID) (place chat.Member, since chat.Seq) {
	for _, e := range m.log {
		if f, ok := e.Fact.(chat.MemberChanged); ok && f.User == user {
			since = e.Seq
			if place = (chat.Member{}); f.Change != chat.MemberLeft {
				place = chat.Member{User: user, Role: f.Role, Banned: f.Change == chat.MemberBanned, Since: e.At}
			}
		}
	}
	return place, since
}

// room returns the room as its entries have made it.
func (m *model) room() chat.Room {
	room := m.created
	room.Head, room.Messages = chat.Seq(len(m.log)), m.messages(len(m.log))
	for _, e := range m.log {
		f, changed := e.Fact.(chat.RoomChanged)
		set, _ := e.Fact.(chat.Set)
		if changed || set.Type == chat.RoomTopic {
			room.Changed = e.Seq
		}
		switch f.Change {
		case chat.RoomRenamed:
			room.Name = f.Name
		case chat.RoomPublished, chat.RoomHidden:
			room.Public = f.Change == chat.RoomPublished
		case chat.RoomArchived, chat.RoomUnarchived:
			room.Archived = f.Change == chat.RoomArchived
		}
	}
	return room
}

// isSet reports whether the room has the value that f sets already, and which entry set it.
func (m *model) isSet(f chat.RoomChanged) (same bool, since chat.Seq) {
	room := m.room()
	opposite := map[chat.RoomChange]chat.RoomChange{
		chat.RoomPublished: chat.RoomHidden, chat.RoomHidden: chat.RoomPublished,
		chat.RoomArchived: chat.RoomUnarchived, chat.RoomUnarchived: chat.RoomArchived,
	}[f.Change]
	for _, e := range m.log {
		if set, ok := e.Fact.(chat.RoomChanged); ok && (set.Change == f.Change || set.Change == opposite) {
			since = e.Seq
		}
	}
	switch f.Change {
	case chat.RoomRenamed:
		return room.Name == f.Name, since
	case chat.RoomPublished, chat.RoomHidden:
		return room.Public == (f.Change == chat.RoomPublished), since
	default:
		return room.Archived == (f.Change == chat.RoomArchived), since
	}
}

// messages counts the messages among the first n entries.
func (m *model) messages(n int) (count int64) {
	for _, e := range m.log[:n] {
		if _, ok := e.Fact.(chat.Message); ok {
			count++
		}
	}
	return count
}

// unread counts the messages after a mark that are of others than user and not deleted.
func (m *model) unread(user chat.UserID, mark chat.Seq) (count int64) {
	for _, e := range m.log[mark:] {
		said, ok := e.Fact.(chat.Message)
		if ok && !said.Silent && e.Author.ID != user && m.deletion(e.Seq) == nil {
			count++
		}
	}
	return count
}

// present returns the log in its present form as viewer sees it.
func (m *model) present(viewer chat.UserID) []chat.Entry {
	log := slices.Clone(m.log)
	for i := range log {
		if message, ok := log[i].Fact.(chat.Message); ok {
			log[i].Fact = m.presentMessage(log[i].Seq, message, viewer)
		}
	}
	for i := range log {
		if set, ok := log[i].Fact.(chat.Set); ok {
			if is := m.setter(set, len(m.log)); is == nil || is.Seq != log[i].Seq {
				set.Data = nil
			}
			log[i].Fact = set
		}
		if edited, ok := log[i].Fact.(chat.Edited); ok {
			edited.Body = log[edited.Target-1].Fact.(chat.Message).Body
			log[i].Fact = edited
		}
	}
	return log
}

func (m *model) presentMessage(seq chat.Seq, message chat.Message, viewer chat.UserID) chat.Message {
	var emojis []string
	for _, e := range m.log {
		if e.Target() != seq {
			continue
		}
		switch f := e.Fact.(type) {
		case chat.Edited:
			message.Body, message.EditedAt = f.Body, e.At
		case chat.Deleted:
			message.Body, message.DeletedAt = "", e.At
		case chat.Reacted:
			if !slices.Contains(emojis, f.Emoji) {
				emojis = append(emojis, f.Emoji)
			}
		}
	}
	for _, emoji := range emojis {
		if users := m.reacting(seq, emoji); len(users) > 0 {
			message.Reactions = append(message.Reactions, chat.Reaction{Emoji: emoji, Count: len(users), Me: users[viewer]})
		}
	}
	message.Slots = m.slots(seq)
	return message
}

// compare compares all that the store returns of the room with the model.
func (m *model) compare(t tester, r room) {
	t.Helper()
	mustBeEntries(t, r.log(""), m.present(""))
	var topic []chat.Slot
	if e := m.setter(setOf(chat.RoomTopic, 0, "", ""), len(m.log)); e != nil {
		topic = []chat.Slot{{Type: chat.RoomTopic, SetBy: e.Seq, Data: e.Fact.(chat.Set).Data}}
	}
	mustEqual(t, "what is set on the room", r.held(0), showSlots(append(topic, m.slots(0)...)))
	u0 := r.user("u0")
	mustBeEntries(t, r.log(u0.id), m.present(u0.id))
	room := m.room()
	var members []chat.Member
	for i := range 4 {
		user := r.user(fmt.Sprint("u", i))
		place, _ := m.member(user.id)
		if place != (chat.Member{}) {
			members = append(members, place)
		}
		mark := m.marks[user.id]
		want := chat.Standing{Room: room, Member: place, Read: mark, Unread: m.unread(user.id, mark)}
		mustEqual(t, "standing", showStanding(user.stands()), showStanding(want))
	}
	slices.SortFunc(members, func(a, b chat.Member) int { return cmp.Compare(a.User, b.User) })
	got, err := r.Members(t.Context(), r.id, "", 10)
	if err != nil || show(got) != show(members) {
		t.Fatalf("members are %v\n%s\nwant\n%s", err, show(got), show(members))
	}
}

func showStanding(s chat.Standing) string {
	room := s.Room
	room.CreatedAt = time.Time{}
	return fmt.Sprintf("%+v created %s, %s, read %d, unread %d", room, showTime(s.Room.CreatedAt), show([]chat.Member{s.Member}), s.Read, s.Unread)
}
