package ledger

import (
	"bytes"

	"github.com/parley-chat/parley/core/chat"
)

type setRule struct{}

// terms lets a value that is due end in an archived room too.
func (setRule) terms(p *chat.Proposal) terms {
	f := p.Fact.(chat.Set)
	is := f.Terms()
	return terms{role: is.Role, setting: is.Setting, archived: is.OfRoom || ends(p, &f), changes: f.Target != 0}
}

// ends reports whether the service itself proposes to unset a value that ends by itself. A proposal
// that the service makes for somebody is not meant.
func ends(p *chat.Proposal, f *chat.Set) bool {
	return p.Author.ID == chat.System && p.Via == "" && f.Data == nil
}

func (setRule) ruling(c matter) (Ruling, error) {
	f := c.Fact.(chat.Set)
	if err := f.Check(c.room.Now); err != nil {
		return refused(err), nil
	}
	is, held, err := c.rows.Slot(f.Target, f.Type, f.Slot)
	switch {
	case err != nil:
		return Ruling{}, err
	case ends(c.Proposal, &f) && held && !c.isDue(f, is):
		return c.unchanged(is.SetBy), nil // somebody has set it anew since
	case held == (f.Data != nil) && bytes.Equal(is.Data, f.Data):
		return c.unchanged(is.SetBy), nil
	}
	if over, err := c.overCap(&f, is); over != nil || err != nil {
		return refused(over), err
	}
	f.Data = bytes.Clone(f.Data) // the entry lives longer than the proposal
	r := c.appends(f)
	r.Slot = &Slot{Set: f, Due: f.Due()}
	if f.Terms().OfRoom {
		of := *c.room
		of.Set[Metadata] = r.Entry.Seq
		r.Room = &of
	}
	return r, nil
}

// isDue reports whether the value of a slot has reached its end.
func (c matter) isDue(f chat.Set, is chat.Slot) bool {
	f.Data = is.Data
	due := f.Due()
	return !due.IsZero() && !due.After(c.room.Now)
}

// overCap refuses a set that would make the values of the slots too many or too large. is has the
// slot as it was. A set that makes a value smaller is never refused.
func (c matter) overCap(f *chat.Set, is chat.Slot) (over, _ error) {
	most := f.Terms().Cap
	if f.Data == nil || most == (chat.Cap{}) {
		return nil, nil
	}
	slots, bytes, err := c.held(f, most.Pins)
	if err != nil {
		return nil, err
	}
	grows := len(f.Data) - len(is.Data)
	if is.Data == nil {
		slots, grows = slots+1, grows+len(f.Slot)
	}
	switch {
	case is.Data == nil && most.Slots > 0 && slots > most.Slots:
		return chat.Errorf(chat.Conflict, "there are %d %s, and may be no more", most.Slots, most.What), nil
	case most.Bytes > 0 && grows > 0 && bytes+grows > most.Bytes:
		return chat.Errorf(chat.Conflict, "the %s may have %d bytes together", most.What, most.Bytes), nil
	}
	return nil, nil
}

// held returns how many slots that count against the set's cap hold a value, and how many bytes
// their names and values have.
func (c matter) held(f *chat.Set, pins bool) (slots, bytes int, _ error) {
	if pins {
		slots, err := c.rows.Pins()
		return slots, 0, err
	}
	all, err := c.rows.Slots(f.Target)
	for _, is := range all {
		if f.Counts(is.Type) {
			slots++
			bytes += is.Bytes
		}
	}
	return slots, bytes, err
}

// need returns the role that a proposal needs. A setting of the room may name another role than the
// terms do.
func (c matter) need(asked terms) (chat.Role, error) {
	if asked.setting == "" {
		return asked.role, nil
	}
	is, held, err := c.rows.Slot(0, asked.setting, "")
	if !held || err != nil {
		return asked.role, err
	}
	role, err := chat.ParseSettingRole(chat.ReadText(is.Data))
	if err != nil {
		return chat.Moderate, nil //nolint:nilerr // what only a later release can read asks for the highest role
	}
	return role, nil
}

// columns leaves the data out. Only the slot keeps it, for as long as it has that value.
func (setRule) columns(f chat.Fact) Columns {
	is := f.(chat.Set)
	return Columns{Target: is.Target, SetType: is.Type, Slot: is.Slot}
}

func (setRule) fact(c *Columns) chat.Fact {
	return chat.Set{Type: c.SetType, Target: c.Target, Slot: c.Slot, Data: c.Data}
}
