package portstest

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

func (s *storeSuite) testRights(t *testing.T) {
	s.prove(t, []sentence{
		{"who may do what is judged by the room and the author's place in it", judgesRights},
		{"proposals of one call are judged by what those before them made", judgesInOrder},
		{"what was stored before is a duplicate also for who may nothing now", duplicateOfBanned},
		{"whoever may not is refused before anything else is looked at", rightsComeFirst},
		{"nothing of a user comes behind their ban", s.raceRights(chat.Rights{Everybody: true}, chat.MemberChanged{Change: chat.MemberBanned})},
		{"nothing of a user comes behind their ban, whatever their token grants", s.raceRights(chat.Rights{Granted: chat.Moderate}, chat.MemberChanged{Change: chat.MemberBanned})},
		{"nothing of a user comes behind their removal from a private room", s.raceRights(chat.Rights{Everybody: true}, chat.MemberChanged{Change: chat.MemberLeft})},
		{"nothing of a user comes behind the lowering of their role", s.raceRights(chat.Rights{}, chat.MemberChanged{Change: chat.MemberRole, Role: chat.Read})},
		{"nothing of a visitor comes behind the hiding of a room", s.raceRights(chat.Rights{Everybody: true}, chat.RoomChanged{Change: chat.RoomHidden})},
		{"nothing that takes a moderator comes behind the lowering of their role", s.raceModerators(chat.MemberChanged{Change: chat.MemberRole, Role: chat.Write})},
		{"the last moderator of a room stays one, unless their token makes them one", lastModeratorStays},
		{"of moderators who all resign at once the last one stays", s.raceResigning},
		{"nothing that takes a moderator comes behind their removal", s.raceModerators(chat.MemberChanged{Change: chat.MemberLeft})},
	})
}

// nothing is the kind of a proposal that is not refused.
const nothing chat.Kind = ""

// standings are standings in a room. They say whether proposals of such a user that need Write, or
// Moderate, are refused.
var standings = []struct {
	is              string
	public          bool
	place           chat.Member
	by              chat.Rights
	writes, changes chat.Kind
}{
	{is: "a stranger to a private room", by: chat.Rights{Everybody: true}, writes: chat.NotFound, changes: chat.NotFound},
	{is: "a visitor of a public room", public: true, by: chat.Rights{Everybody: true}, changes: chat.Forbidden},
	{is: "a stranger whose token is for other rooms", public: true, writes: chat.NotFound, changes: chat.NotFound},
	{is: "a reader by their token", by: chat.Rights{Granted: chat.Read}, writes: chat.Forbidden, changes: chat.Forbidden},
	{is: "a reader by their token in a public room", public: true, by: chat.Rights{Granted: chat.Read}, writes: chat.Forbidden, changes: chat.Forbidden},
	{is: "a writer by their token", by: chat.Rights{Granted: chat.Write}, changes: chat.Forbidden},
	{is: "a moderator by their token", by: chat.Rights{Granted: chat.Moderate}},
	{is: "an admin", by: chat.Rights{Admin: true}},
	{is: "a reader", place: chat.Member{Role: chat.Read}, by: chat.Rights{Everybody: true}, writes: chat.Forbidden, changes: chat.Forbidden},
	{is: "a reader of a public room", public: true, place: chat.Member{Role: chat.Read}, by: chat.Rights{Everybody: true}, changes: chat.Forbidden},
	{is: "a writer", place: chat.Member{Role: chat.Write}, changes: chat.Forbidden},
	{is: "a writer whose token grants more", place: chat.Member{Role: chat.Write}, by: chat.Rights{Granted: chat.Moderate}},
	{is: "a moderator", place: chat.Member{Role: chat.Moderate}},
	{is: "a moderator whose token grants less", place: chat.Member{Role: chat.Moderate}, by: chat.Rights{Granted: chat.Read}},
	{is: "banned", place: chat.Member{Banned: true}, by: chat.Rights{Everybody: true}, writes: chat.Forbidden, changes: chat.Forbidden},
	{is: "banned from a public room", public: true, place: chat.Member{Banned: true}, by: chat.Rights{Granted: chat.Moderate, Everybody: true}, writes: chat.Forbidden, changes: chat.Forbidden},
	{is: "banned, and an admin", place: chat.Member{Banned: true}, by: chat.Rights{Admin: true}},
}

func judgesRights(t *testing.T, r room) {
	for i, row := range standings {
		alice, bob := r.in(someRoom()).user("alice"), r.user(fmt.Sprint("bob", i))
		alice.create(chat.Room{ID: alice.room.id, Public: row.public}, "")
		bob = user{alice.room, bob.id}
		bob.says("one's own")
		alice.says("another's")
		switch {
		case row.place.Banned:
			alice.makes(bob, chat.MemberBanned, chat.None)
		case row.place.Role != chat.None:
			alice.makes(bob, chat.MemberJoined, row.place.Role)
			alice.makes(alice, chat.MemberJoined, chat.Moderate) // so that nobody is the last one
		}
		tries := func(want chat.Kind, fact chat.Fact) {
			t.Helper()
			for _, batch := range [][]chat.Proposal{
				{bob.proposesBy(row.by, fact)},
				{alice.proposes(chat.Message{Body: "beside"}), bob.proposesBy(row.by, fact)},
				{bob.proposesBy(row.by, fact), alice.proposes(chat.RoomChanged{Change: chat.RoomRenamed, Name: string(chat.NewKey())})},
			} {
				for j, outcome := range alice.appends(batch...) {
					if got := kindOf(outcome); batch[j].Author.ID == bob.id && got != want || batch[j].Author.ID == alice.id && got != nothing {
						t.Errorf("of %s %T gives %s, want %q", row.is, fact, showOutcome(outcome), want)
					}
				}
			}
		}
		tries(row.writes, chat.Message{Body: "hi"})
		tries(row.writes, chat.Message{Body: "hi", ReplyTo: 1})
		tries(row.writes, chat.Edited{Target: 1, Body: "hello"})
		tries(row.writes, chat.Reacted{Target: 1, Emoji: "👍"})
		tries(row.writes, chat.Reacted{Target: 1, Emoji: "👍", Removed: true})
		tries(row.changes, chat.Deleted{Target: 2})
		tries(row.writes, chat.Deleted{Target: 1})
		tries(row.changes, chat.MemberChanged{User: "carol", Change: chat.MemberJoined, Role: chat.Read})
		tries(row.changes, chat.MemberChanged{User: "carol", Change: chat.MemberBanned})
		tries(row.changes, chat.MemberChanged{User: "carol", Change: chat.MemberLeft})
		tries(row.changes, chat.RoomChanged{Change: chat.RoomRenamed, Name: "Lobby"})
		if row.place.Banned { // leaving does not end a ban, even of an admin
			tries(chat.Forbidden, chat.MemberChanged{User: bob.id, Change: chat.MemberLeft})
			continue
		}
		if row.place.Role < chat.Moderate { // they cannot give themselves a role
			tries(row.changes, chat.MemberChanged{User: bob.id, Change: chat.MemberRole, Role: chat.Moderate})
		}
		tries(nothing, chat.MemberChanged{User: bob.id, Change: chat.MemberLeft}) // everybody may leave
	}
}

// kindOf returns the kind of a refusal.
func kindOf(o ports.Outcome) chat.Kind {
	if o.Status != ports.Refused {
		return nothing
	}
	return chat.AsError(o.Err).Kind
}

func judgesInOrder(t *testing.T, r room) {
	alice, bob := r.user("alice"), r.user("bob")
	says := func() chat.Proposal { return bob.proposesBy(chat.Rights{}, chat.Message{Body: "hi"}) }
	as := func(change chat.MemberChange, role chat.Role) chat.Proposal {
		return alice.proposes(chat.MemberChanged{User: bob.id, Change: change, Role: role})
	}
	outcomes := r.appends(
		says(), as(chat.MemberJoined, chat.Write), says(), as(chat.MemberBanned, chat.None), says(),
		as(chat.MemberJoined, chat.Write), says(), as(chat.MemberRole, chat.Read), says(), as(chat.MemberLeft, chat.None), says(),
		as(chat.MemberJoined, chat.Moderate), bob.proposesBy(chat.Rights{}, chat.RoomChanged{Change: chat.RoomPublished}),
		as(chat.MemberRole, chat.Write), bob.proposesBy(chat.Rights{}, chat.RoomChanged{Change: chat.RoomHidden}),
	)
	for i, want := range map[int]chat.Kind{
		0: chat.NotFound, 2: nothing, 4: chat.Forbidden, 6: nothing, 8: chat.Forbidden, 10: chat.NotFound, 12: nothing, 14: chat.Forbidden,
	} {
		if got := kindOf(outcomes[i]); got != want {
			t.Errorf("proposal %d gives %s, want %q", i, showOutcome(outcomes[i]), want)
		}
	}
	mustEqual(t, "head", alice.stands().Room.Head, 10)
}

func duplicateOfBanned(t *testing.T, r room) {
	alice, bob := r.user("alice"), r.user("bob")
	said := bob.proposesBy(chat.Rights{Granted: chat.Write}, chat.Message{Body: "hi"})
	r.mustBeSeq(r.appends(said)[0], ports.Appended, 1)
	alice.makes(bob, chat.MemberBanned, chat.None)
	r.mustBeSeq(r.appends(said)[0], ports.Duplicate, 1)
	outcomes := r.appends(said, alice.proposes(chat.Deleted{Target: 1}))
	r.mustBeSeq(outcomes[0], ports.Duplicate, 1)
	r.mustBeSeq(outcomes[1], ports.Appended, 3)
}

func rightsComeFirst(t *testing.T, r room) {
	alice, bob := r.user("alice"), r.user("bob")
	alice.says("hi")
	alice.deletes(1)
	alice.does(chat.RoomChanged{Change: chat.RoomArchived})
	for _, target := range []chat.Seq{1, 2, 99} {
		for _, fact := range append(everySort(target, alice.id), chat.Message{Body: "re", ReplyTo: target}) {
			r.mustRefuse(r.appends(bob.proposesBy(chat.Rights{}, fact))[0], chat.NotFound)
			r.mustRefuse(r.appends(bob.proposesBy(chat.Rights{Granted: chat.Read}, fact))[0], chat.Forbidden)
		}
	}
	alice.does(chat.RoomChanged{Change: chat.RoomUnarchived})
	writer := func(fact chat.Fact) ports.Outcome {
		return r.appends(bob.proposesBy(chat.Rights{Granted: chat.Write}, fact))[0]
	}
	r.mustRefuse(writer(chat.Deleted{Target: 99}), chat.NotFound)
	r.mustRefuse(writer(chat.Deleted{Target: 1}), chat.Forbidden) // another's message, even a deleted one
}

// raceRights lets a user write over all handles at once, in every way, while somebody else's change
// takes away their right to.
func (s *storeSuite) raceRights(by chat.Rights, taken chat.Fact) func(*testing.T, room) {
	return s.race(by, chat.Write, taken, func(i int, _ user) chat.Fact {
		switch i % 5 {
		case 0:
			return chat.Reacted{Target: 1, Emoji: "👍", Removed: i%2 == 0}
		case 1:
			return chat.Edited{Target: 1, Body: fmt.Sprint(i)}
		}
		return chat.Message{Body: fmt.Sprint(i)}
	})
}

// raceModerators lets a moderator change the room, and delete others' messages, while somebody
// takes that right.
func (s *storeSuite) raceModerators(taken chat.Fact) func(*testing.T, room) {
	return s.race(chat.Rights{}, chat.Moderate, taken, func(i int, other user) chat.Fact {
		switch i % 4 {
		case 0:
			return chat.RoomChanged{Change: chat.RoomRenamed, Name: fmt.Sprint(i)}
		case 1:
			return chat.MemberChanged{User: chat.UserID(fmt.Sprint("m", i)), Change: chat.MemberJoined, Role: chat.Read}
		case 2:
			return chat.MemberChanged{User: other.id, Change: chat.MemberBanned}
		}
		return chat.Deleted{Target: chat.Seq(i%20 + 2)} // alice's messages
	})
}

func (s *storeSuite) race(by chat.Rights, role chat.Role, taken chat.Fact, does func(i int, other user) chat.Fact) func(*testing.T, room) {
	return func(t *testing.T, r room) {
		const writers, before, messages = 4, 8, 22
		handles := s.handles(t)
		alice, bob := r.user("alice"), r.user("bob")
		bob.says("mine")
		for range messages {
			alice.says("yours")
		}
		switch f := taken.(type) {
		case chat.RoomChanged:
			alice.does(chat.RoomChanged{Change: chat.RoomPublished})
		case chat.MemberChanged:
			if by.Granted == chat.None {
				alice.makes(bob, chat.MemberJoined, role)
			}
			f.User = bob.id
			taken = f
		}
		var made atomic.Int64
		var end chat.Seq // the seq of the entry that takes the right
		done, refused := make(chan struct{}), [writers]bool{}
		together(t, writers+1, func(w int) {
			there := r.on(t, handles[w%len(handles)])
			if w == writers {
				for made.Load() < before && t.Context().Err() == nil { // until all are writing
					there.user("alice").says("go on")
				}
				end = there.user("alice").does(taken).Seq
				close(done)
				return
			}
			for i := w; !refused[w]; i += writers {
				select {
				case <-done: // every later proposal must be refused
					refused[w] = true
				default:
				}
				author, other := user{there, bob.id}, there.user("carol")
				batch := []chat.Proposal{author.proposesBy(by, does(i, other))}
				if i%3 == 0 {
					batch = append(batch, author.proposesBy(by, does(i+1, other)))
				}
				for _, outcome := range there.appends(batch...) {
					if outcome.Status == ports.Appended {
						made.Add(1)
					}
					if outcome.Status != ports.Refused && refused[w] {
						t.Errorf("behind %d there is %s", end, showOutcome(outcome))
					}
				}
			}
		})
		for _, e := range r.log("") {
			if e.Seq > end && e.Author.ID == bob.id {
				t.Errorf("behind %d there is %s", end, showEntry(e))
			}
		}
	}
}

func lastModeratorStays(t *testing.T, r room) {
	root := r.user("root")
	alice, bob, carol := r.user("alice"), r.user("bob"), r.user("carol")
	root.makes(alice, chat.MemberJoined, chat.Moderate)
	root.makes(bob, chat.MemberJoined, chat.Write)
	root.makes(carol, chat.MemberBanned, chat.None)
	ways := func(u user) []chat.MemberChanged {
		return []chat.MemberChanged{
			{User: u.id, Change: chat.MemberRole, Role: chat.Write},
			{User: u.id, Change: chat.MemberRole, Role: chat.Read},
			{User: u.id, Change: chat.MemberBanned},
			{User: u.id, Change: chat.MemberLeft},
		}
	}
	asMember := func(u user, f chat.MemberChanged) chat.Proposal { return u.proposesBy(chat.Rights{Everybody: true}, f) }
	head := alice.stands().Room.Head
	for _, f := range ways(alice) {
		outcomes := r.appends(asMember(alice, f), asMember(bob, chat.MemberChanged{User: bob.id, Change: chat.MemberRole, Role: chat.Moderate}))
		mustFail(t, outcomes[0].Err, chat.Conflict)
		mustFail(t, outcomes[1].Err, chat.Forbidden)
		mustEqual(t, "alice's role", alice.stands().Member.Role, chat.Moderate)
	}
	mustEqual(t, "head", alice.stands().Room.Head, head)
	// In one call: somebody else becomes a moderator, and then the first one may step down.
	outcomes := r.appends(
		asMember(alice, chat.MemberChanged{User: bob.id, Change: chat.MemberRole, Role: chat.Moderate}),
		asMember(alice, ways(alice)[0]), asMember(bob, ways(bob)[3]), asMember(bob, chat.MemberChanged{User: alice.id, Change: chat.MemberRole, Role: chat.Moderate}),
		asMember(bob, ways(bob)[3]),
	)
	for i, want := range []chat.Kind{nothing, nothing, chat.Conflict, nothing, nothing} {
		if want == nothing {
			r.mustBe(outcomes[i], ports.Appended)
		} else {
			mustFail(t, outcomes[i].Err, want)
		}
	}
	// A moderator by token is one without a place in the room, and an admin may everything.
	for _, by := range []chat.Rights{{Granted: chat.Moderate}, {Admin: true}} {
		r.mustBe(r.appends(alice.proposesBy(by, ways(alice)[0]))[0], ports.Appended)
		root.makes(alice, chat.MemberRole, chat.Moderate)
	}
	r.mustBe(r.appends(root.proposes(ways(alice)[3]))[0], ports.Appended)
}

func (s *storeSuite) raceResigning(t *testing.T, r room) {
	const moderators = 6
	handles := s.handles(t)
	for i := range moderators {
		r.user("root").makes(r.user(fmt.Sprint("mod", i)), chat.MemberJoined, chat.Moderate)
	}
	var stayed atomic.Int64
	together(t, moderators, func(i int) {
		there := r.on(t, handles[i%len(handles)]).user(fmt.Sprint("mod", i))
		o := there.appends(there.proposesBy(chat.Rights{Everybody: true}, chat.MemberChanged{User: there.id, Change: chat.MemberLeft}))[0]
		if o.Status == ports.Refused {
			mustFail(t, o.Err, chat.Conflict)
			stayed.Add(1)
		}
	})
	mustEqual(t, "moderators who stayed", stayed.Load(), 1)
}
