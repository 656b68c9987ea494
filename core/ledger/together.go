package ledger

import (
	"slices"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// Together returns how many of the first proposals take effect together or not at all: those of one
// Group. It returns 1 if the first one has no group.
func Together(proposals []chat.Proposal) int {
	n := 1
	for first := &proposals[0]; first.Group != 0 && n < len(proposals) && proposals[n].Group == first.Group; {
		n++
	}
	return n
}

// JudgeTogether rules on proposals to one room that take effect together or not at all. If one of
// them is refused, so are all others except Duplicates, with chat.Undone. The store saves the
// rulings in their order.
func JudgeTogether(rows Rows, proposals []chat.Proposal) ([]Ruling, error) {
	o := &overlay{Rows: rows, room: *rows.Room(), head: rows.Room().Head}
	rulings := make([]Ruling, len(proposals))
	for i := range proposals {
		ruling, err := Judge(o, &proposals[i])
		if err != nil {
			return nil, err
		}
		if ruling.Status == ports.Refused {
			return undone(rows, proposals, i, ruling)
		}
		rulings[i] = ruling
		if err := o.apply(&rulings[i]); err != nil {
			return nil, err
		}
	}
	return rulings, nil
}

// undone returns the rulings on proposals when the one at index failed is refused.
func undone(rows Rows, proposals []chat.Proposal, failed int, refusal Ruling) ([]Ruling, error) {
	rulings := make([]Ruling, len(proposals))
	for i := range proposals {
		earlier, used, err := rows.Used(proposals[i].Author.ID, proposals[i].Key)
		if err != nil {
			return nil, err
		}
		rulings[i] = refused(chat.Undone(failed))
		if used {
			if again := Repeat(&proposals[i], earlier); again.Status == ports.Duplicate {
				rulings[i] = again
			}
		}
	}
	rulings[failed] = refusal
	return rulings, nil
}

// overlay is a room as it will be when rulings are applied that no store has saved yet.
type overlay struct {
	Rows
	room    Room
	head    chat.Seq // of the room in the store
	applied []applied
	pins    int // how many more messages are pinned than in the store
}

// applied is a ruling, and what its slot held before.
type applied struct {
	*Ruling
	held bool
	was  SlotSize
}

// apply adds a ruling.
func (o *overlay) apply(r *Ruling) error {
	is := applied{Ruling: r}
	if to := r.Slot; to != nil {
		before, held, err := o.Slot(to.Target, to.Type, to.Set.Slot)
		if err != nil {
			return err
		}
		is.held, is.was = held, SlotSize{Type: to.Type, Bytes: len(to.Set.Slot) + len(before.Data)}
		if to.Type == chat.Pinned {
			o.pins += count(to.Data != nil) - count(held)
		}
	}
	if of := r.Rewrite; of != nil && of.Deleted {
		_, pinned, err := o.Slot(of.Message, chat.Pinned, "")
		if err != nil {
			return err
		}
		o.pins -= count(pinned)
	}
	o.room.Follow(r)
	if r.appends() {
		o.applied = append(o.applied, is)
	}
	return nil
}

func count(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// Room implements Rows.
func (o *overlay) Room() *Room { return &o.room }

// Used implements Rows.
func (o *overlay) Used(author chat.UserID, key chat.Key) (chat.Entry, bool, error) {
	for _, r := range o.applied {
		if r.Entry.Author.ID == author && r.Entry.Key == key {
			return r.Entry, true, nil
		}
	}
	return o.Rows.Used(author, key)
}

// Message implements Rows.
func (o *overlay) Message(seq chat.Seq) (m Message, found bool, err error) {
	if seq <= o.head {
		if m, found, err = o.Rows.Message(seq); !found || err != nil {
			return m, found, err
		}
	}
	for _, r := range o.applied {
		if _, said := r.Entry.Fact.(chat.Message); said && r.Entry.Seq == seq {
			m, found = Message{Author: r.Entry.Author.ID}, true
		}
		if r.deletes(seq) {
			m.Deleted = r.Entry.Seq
		}
	}
	return m, found, nil
}

// deletes reports whether the ruling deletes that message.
func (r applied) deletes(message chat.Seq) bool {
	return r.Rewrite != nil && r.Rewrite.Deleted && r.Rewrite.Message == message
}

// Tallies implements Rows.
func (o *overlay) Tallies(message chat.Seq, user chat.UserID) (all []Tally, err error) {
	if message <= o.head {
		if all, err = o.Rows.Tallies(message, user); err != nil {
			return nil, err
		}
	}
	all = slices.Clone(all)
	for _, r := range o.applied {
		if r.Reaction == nil || r.Reaction.Target != message {
			continue
		}
		all = slices.DeleteFunc(all, func(t Tally) bool { return slices.Contains(r.Reaction.Forget, t.Emoji) })
		at := slices.IndexFunc(all, func(t Tally) bool { return t.Emoji == r.Reaction.Emoji })
		if at < 0 {
			at = len(all)
			all = append(all, Tally{Emoji: r.Reaction.Emoji, First: r.Entry.Seq})
		}
		all[at].Total = r.Reaction.Count
		if r.Entry.Author.ID == user {
			all[at].Mine, all[at].Set = !r.Reaction.Removed, r.Entry.Seq
		}
	}
	return all, nil
}

// Slot implements Rows.
func (o *overlay) Slot(target chat.Seq, of chat.SetType, slot string) (chat.Slot, bool, error) {
	for _, r := range slices.Backward(o.applied) {
		if to := r.Ruling.Slot; to != nil && to.Target == target && to.Type == of && to.Set.Slot == slot {
			if to.Data == nil {
				return chat.Slot{}, false, nil
			}
			return chat.Slot{Type: of, Slot: slot, SetBy: r.Entry.Seq, Data: to.Data}, true, nil
		}
		if r.deletes(target) {
			return chat.Slot{}, false, nil
		}
	}
	if target > o.head {
		return chat.Slot{}, false, nil
	}
	return o.Rows.Slot(target, of, slot)
}

// Slots implements Rows. Slots of one type and size are alike.
func (o *overlay) Slots(target chat.Seq) (all []SlotSize, err error) {
	if target <= o.head {
		if all, err = o.Rows.Slots(target); err != nil {
			return nil, err
		}
	}
	all = slices.Clone(all)
	for _, r := range o.applied {
		if r.deletes(target) {
			all = nil
		}
		to := r.Ruling.Slot
		if to == nil || to.Target != target {
			continue
		}
		if at := slices.Index(all, r.was); r.held && at >= 0 {
			all = slices.Delete(all, at, at+1)
		}
		if to.Data != nil {
			all = append(all, SlotSize{Type: to.Type, Bytes: len(to.Set.Slot) + len(to.Data)})
		}
	}
	return all, nil
}

// Pins implements Rows.
func (o *overlay) Pins() (int, error) {
	n, err := o.Rows.Pins()
	return n + o.pins, err
}
