package sqlite

import (
	"context"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/ledger"
	"github.com/parley-chat/parley/ports"
)

// Append implements ports.Log. The transaction takes the write lock when it begins, so nothing that
// it reads changes until it commits. Readers see all of it or nothing.
func (s *Store) Append(ctx context.Context, proposals []chat.Proposal) ([]ports.Outcome, error) {
	if err := ledger.Check(proposals); err != nil {
		return nil, err
	}
	outcomes := make([]ports.Outcome, len(proposals))
	err := s.writeKept(ctx, "append to the log", func(tx *transaction, conn any) error {
		b := &batch{transaction: tx, w: &s.w, kept: s.kept, now: now()}
		if err := s.kept.check(tx, conn, s.w.version); err != nil {
			return err
		}
		if err := b.load(proposals); err != nil {
			return err
		}
		for i := 0; i < len(proposals); {
			n := ledger.Together(proposals[i:])
			var err error
			if n > 1 {
				err = b.together(proposals[i:i+n], outcomes[i:i+n])
			} else {
				outcomes[i], err = b.append(&proposals[i])
			}
			if err != nil {
				return err
			}
			i += n
		}
		return b.saveRooms()
	})
	if err != nil {
		return nil, err
	}
	return outcomes, nil
}

// batch is one call of Append under way.
type batch struct {
	*transaction
	w     *writeStatements
	kept  *kept
	now   int64
	rooms map[chat.RoomID]*roomRow // nil: the room does not exist
}

type memberKey struct {
	room int64
	user chat.UserID
}

// memberRow is a user's place. For a user without one, the member is zero except for the user.
type memberRow struct {
	ledger.Place
	spoke bool // made an entry and has not left since
}

// roomRow is a room's row, as the batch changes it.
type roomRow struct {
	ledger.Room
	number  int64
	stored  int64       // the last entry's time, as the row has it
	at      int64       // Now, as rows store it
	speaker chat.UserID // the author of the last turn; empty: unknown
	pending bool        // consumers may be behind
	changed bool
	set     bool // its properties changed
}

// load reads the rooms of the proposals, and the places of their authors and members, as far as
// they are not kept.
func (b *batch) load(proposals []chat.Proposal) error {
	b.rooms = make(map[chat.RoomID]*roomRow)
	var ids []any
	for i := range proposals {
		id := proposals[i].Room
		if _, listed := b.rooms[id]; listed {
			continue
		}
		b.rooms[id] = b.kept.rooms[id]
		if b.rooms[id] == nil {
			ids = append(ids, id)
		}
	}
	if err := b.eachOf(b.w.rooms, func(scan scanner) error {
		r := &roomRow{}
		err := scan(&r.number, &r.ID, &r.Name, &r.Public, &r.Archived, &r.Head, &r.stored, &r.Messages,
			&r.Set[ledger.Name], &r.Set[ledger.Visibility], &r.Set[ledger.Life], &r.Set[ledger.Metadata], &r.speaker, &r.pending)
		b.rooms[r.ID], b.kept.rooms[r.ID] = r, r
		return err
	}, ids, 1); err != nil {
		return err
	}
	for _, r := range b.rooms {
		if r != nil {
			r.at = max(r.stored, b.now)
			r.Now = stamp(r.at)
		}
	}
	return b.loadMembers(proposals)
}

func (b *batch) loadMembers(proposals []chat.Proposal) error {
	var wanted []any
	want := func(room chat.RoomID, user chat.UserID) {
		r := b.rooms[room]
		if r == nil {
			return
		}
		k := memberKey{r.number, user}
		if _, listed := b.kept.places[k]; !listed {
			b.kept.places[k] = memberRow{Place: ledger.Place{Member: chat.Member{User: user}}, spoke: true}
			wanted = append(wanted, k.room, user)
		}
	}
	for i := range proposals {
		p := &proposals[i]
		want(p.Room, p.Author.ID)
		if f, ok := p.Fact.(chat.MemberChanged); ok {
			want(p.Room, f.User)
		}
	}
	return b.eachOf(b.w.members, func(scan scanner) error {
		var k memberKey
		var m memberRow
		err := scan(&k.room, &m.User, &m.Role, &m.Banned, &m.Set, &m.spoke)
		k.user = m.User
		b.kept.places[k] = m
		return err
	}, wanted, 2)
}

// append lets the judge rule on a proposal, and saves the ruling.
func (b *batch) append(p *chat.Proposal) (ports.Outcome, error) {
	r := b.rooms[p.Room]
	if r == nil {
		return ports.Outcome{Err: chat.NoRoom(p.Room)}, nil
	}
	if _, ok := p.Fact.(chat.Message); ok {
		return b.say(r, p)
	}
	ruling, err := ledger.Judge(rows{b, r}, p)
	if err != nil {
		return ports.Outcome{}, err
	}
	return ruling.Outcome, b.save(r, &ruling)
}

// together appends the proposals of a group: all of them, or none.
func (b *batch) together(proposals []chat.Proposal, outcomes []ports.Outcome) error {
	r := b.rooms[proposals[0].Room]
	if r == nil {
		for i := range outcomes {
			outcomes[i] = ports.Outcome{Err: chat.NoRoom(proposals[0].Room)}
		}
		return nil
	}
	rulings, err := ledger.JudgeTogether(rows{b, r}, proposals)
	if err != nil {
		return err
	}
	for i := range rulings {
		ruling := &rulings[i]
		outcomes[i] = ruling.Outcome
		if _, said := ruling.Entry.Fact.(chat.Message); !said || ruling.Status != ports.Appended {
			err = b.save(r, ruling)
		} else if isNew, failed := b.addMessage(r, ruling); !isNew && failed == nil {
			err = chat.Errorf(chat.Internal, "the key of a new message is used")
		} else {
			err = failed
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// say appends a message. If its key is used, the insertion meets a conflict. So the key is looked
// up only then, and for refused messages.
func (b *batch) say(r *roomRow, p *chat.Proposal) (ports.Outcome, error) {
	ruling, err := ledger.JudgeNew(rows{b, r}, p)
	if err != nil {
		return ports.Outcome{}, err
	}
	if ruling.Status == ports.Appended {
		if isNew, err := b.addMessage(r, &ruling); isNew || err != nil {
			return ruling.Outcome, err
		}
	}
	if earlier, used, err := (rows{b, r}).Used(p.Author.ID, p.Key); used || err != nil {
		return ledger.Repeat(p, earlier).Outcome, err
	}
	return ruling.Outcome, nil
}

// addMessage puts a message at the end of the log, unless its key is used.
func (b *batch) addMessage(r *roomRow, ruling *ledger.Ruling) (isNew bool, err error) {
	e := &ruling.Entry
	f := e.Fact.(chat.Message)
	before, turn, kind := r.speaker, false, ledger.KindSilent
	if !f.Silent { // a silent message belongs to no turn
		kind = ledger.KindMessage
		if turn, err = b.turns(r, e.Author.ID); err != nil {
			return false, err
		}
	}
	isNew, err = b.changes(b.w.message,
		r.number, e.Seq, r.at, e.Author.ID, e.Author.Name, e.Via, e.Key, e.Messages, kind.String(), f.Body, f.ReplyTo, f.Meta, turn)
	if !isNew || err != nil {
		r.speaker = before
		return false, err
	}
	r.follow(ruling)
	return true, b.speaks(r, e.Author.ID)
}

// follow updates the room by a ruling.
func (r *roomRow) follow(ruling *ledger.Ruling) {
	r.Follow(ruling)
	r.set = r.set || ruling.Room != nil
	r.changed = r.changed || ruling.Status == ports.Appended
}

// speaks records that a user has made an entry.
func (b *batch) speaks(r *roomRow, user chat.UserID) error {
	k := memberKey{r.number, user}
	m := b.kept.places[k]
	if m.spoke {
		return nil
	}
	m.spoke = true
	b.kept.places[k] = m
	return b.exec(b.w.spoke, r.number, user, r.ID)
}

// saveRooms writes the changed rows of rooms.
func (b *batch) saveRooms() error {
	for _, r := range b.rooms {
		if r == nil || !r.changed {
			continue
		}
		move := b.w.moveRoom
		if !r.pending {
			move = b.w.wakeRoom
		}
		if err := b.exec(move, r.number, r.Head, r.at, r.Messages, r.speaker); err != nil {
			return err
		}
		r.stored, r.pending, r.changed = r.at, true, false
		if !r.set {
			continue
		}
		r.set = false
		if err := b.exec(b.w.setRoom, r.number, r.Name, r.Public, r.Archived,
			r.Set[ledger.Name], r.Set[ledger.Visibility], r.Set[ledger.Life], r.Set[ledger.Metadata]); err != nil {
			return err
		}
	}
	return nil
}

func now() int64 { return time.Now().UnixMicro() }

// stamp returns the time of a row's value; 0 is the zero time.
func stamp(micro int64) time.Time {
	if micro == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micro).UTC()
}
