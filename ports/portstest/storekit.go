package portstest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// tester is what testing.T and rapid.T share.
type tester interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Context() context.Context
}

// room is a room of a store, driven by a test in its own words. Its methods fail the test when the
// store fails.
type room struct {
	tester
	StoreUnderTest
	id chat.RoomID
}

// newRoom makes a private room with a random id and no members.
func newRoom(t tester, store StoreUnderTest) room {
	t.Helper()
	r := room{tester: t, StoreUnderTest: store, id: someRoom()}
	r.create(chat.Room{ID: r.id}, "")
	return r
}

func someRoom() chat.RoomID { return chat.RoomID("t" + strings.ToLower(rand.Text())) }

// in returns another room of the same test.
func (r room) in(id chat.RoomID) room { r.id = id; return r }

// on returns the same room for another test or through another handle of the store.
func (r room) on(t tester, store StoreUnderTest) room {
	r.tester, r.StoreUnderTest = t, store
	return r
}

func (r room) create(made chat.Room, owner chat.UserID) chat.Room {
	r.Helper()
	got, err := r.Create(r.Context(), made, owner)
	if err != nil {
		r.Fatalf("create room %s: %v", made.ID, err)
	}
	return got
}

// user is somebody who does things in a room.
type user struct {
	room
	id chat.UserID
}

// user returns somebody whom no other test knows.
func (r room) user(name string) user { return user{r, chat.UserID(name + "-" + string(r.id))} }

// proposes makes a proposal with a new key, by a user with all rights.
func (u user) proposes(fact chat.Fact) chat.Proposal {
	return u.proposesBy(chat.Rights{Admin: true}, fact)
}

// proposesBy makes a proposal with a new key, by a user whose token gives these rights.
func (u user) proposesBy(by chat.Rights, fact chat.Fact) chat.Proposal {
	return chat.Proposal{Room: u.room.id, Author: chat.Author{ID: u.id, Name: "The " + string(u.id)}, By: by, Key: chat.NewKey(), Fact: fact}
}

// proposesAs makes a proposal with that key.
func (u user) proposesAs(key chat.Key, fact chat.Fact) chat.Proposal {
	p := u.proposes(fact)
	p.Key = key
	return p
}

// appends gives proposals to the store in one call. It repeats those that were Held.
func (r room) appends(proposals ...chat.Proposal) []ports.Outcome {
	r.Helper()
	outcomes := r.appendsOnce(proposals)
	for {
		var again []chat.Proposal
		var at []int
		for i, outcome := range outcomes {
			if outcome.Status == ports.Held {
				again, at = append(again, proposals[i]), append(at, i)
			}
		}
		if len(again) == 0 {
			return outcomes
		}
		for i, outcome := range r.appendsOnce(again) {
			outcomes[at[i]] = outcome
		}
	}
}

// appendsOnce gives proposals to the store in one call.
func (r room) appendsOnce(proposals []chat.Proposal) []ports.Outcome {
	r.Helper()
	outcomes, err := r.Append(r.Context(), proposals)
	if err != nil {
		r.Fatalf("append %d proposals: %v", len(proposals), err)
	}
	if len(outcomes) != len(proposals) {
		r.Fatalf("append gave %d outcomes for %d proposals", len(outcomes), len(proposals))
	}
	return outcomes
}

// tries appends one fact and returns the outcome.
func (u user) tries(fact chat.Fact) ports.Outcome { u.Helper(); return u.appends(u.proposes(fact))[0] }

// does appends one fact, which must be a new entry.
func (u user) does(fact chat.Fact) chat.Entry {
	u.Helper()
	return u.mustBe(u.tries(fact), ports.Appended)
}

func (u user) says(body string) chat.Entry { u.Helper(); return u.does(chat.Message{Body: body}) }

func (u user) edits(target chat.Seq, body string) chat.Entry {
	u.Helper()
	return u.does(chat.Edited{Target: target, Body: body})
}

func (u user) deletes(target chat.Seq) chat.Entry {
	u.Helper()
	return u.does(chat.Deleted{Target: target})
}

// reacts adds an emoji, and returns the emoji's count after that.
func (u user) reacts(target chat.Seq, emoji string) int {
	u.Helper()
	return u.does(chat.Reacted{Target: target, Emoji: emoji}).Fact.(chat.Reacted).Count
}

// unreacts takes an emoji back, and returns the emoji's count after that.
func (u user) unreacts(target chat.Seq, emoji string) int {
	u.Helper()
	return u.does(chat.Reacted{Target: target, Emoji: emoji, Removed: true}).Fact.(chat.Reacted).Count
}

// makes sets whom's place in the room.
func (u user) makes(whom user, change chat.MemberChange, role chat.Role) chat.Entry {
	u.Helper()
	return u.does(chat.MemberChanged{User: whom.id, Change: change, Role: role})
}

// mustBe fails the test unless the outcome has the status, and returns its entry.
func (r room) mustBe(got ports.Outcome, want ports.Status) chat.Entry {
	r.Helper()
	if got.Status != want || got.Err != nil {
		r.Fatalf("outcome is %s, want %s", showOutcome(got), statusNames[want])
	}
	return got.Entry
}

// mustBeSeq fails the test unless the outcome has the status and names that seq.
func (r room) mustBeSeq(got ports.Outcome, want ports.Status, seq chat.Seq) {
	r.Helper()
	if entry := r.mustBe(got, want); entry.Room != r.id || entry.Seq != seq {
		r.Fatalf("outcome is of %s/%d, want %s/%d", entry.Room, entry.Seq, r.id, seq)
	}
}

// mustRefuse fails the test unless the proposal was refused with that kind.
func (r room) mustRefuse(got ports.Outcome, want chat.Kind) {
	r.Helper()
	if got.Status != ports.Refused || !errors.Is(got.Err, want) {
		r.Fatalf("outcome is %s, want refused: %s", showOutcome(got), want)
	}
}

// mustFail fails the test unless err is of that kind.
func mustFail(t tester, err error, want chat.Kind) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error is %v, want %s", err, want)
	}
}

// everything is more than any room of the suite holds.
const everything = 1 << 20

// reads returns a span of the room's log.
func (r room) reads(span ports.Span) []chat.Entry {
	r.Helper()
	entries, err := r.Read(r.Context(), r.id, span)
	if err != nil {
		r.Fatalf("read %+v: %v", span, err)
	}
	return entries
}

// log returns all entries of the room as viewer sees them.
func (r room) log(viewer chat.UserID) []chat.Entry {
	r.Helper()
	return r.reads(ports.Span{Limit: everything, Viewer: viewer})
}

// entry returns one entry.
func (r room) entry(seq chat.Seq) chat.Entry {
	r.Helper()
	entry, err := r.Entry(r.Context(), r.id, seq)
	if err != nil {
		r.Fatalf("entry %d: %v", seq, err)
	}
	return entry
}

// message returns one message as viewer sees it.
func (r room) message(seq chat.Seq, viewer chat.UserID) chat.Message {
	r.Helper()
	entries := r.reads(ports.Span{After: seq - 1, Limit: 1, Viewer: viewer})
	if len(entries) != 1 || entries[0].Seq != seq {
		r.Fatalf("read of %d gave %s", seq, showEntries(entries))
	}
	message, ok := entries[0].Fact.(chat.Message)
	if !ok {
		r.Fatalf("entry %d is %s, want a message", seq, showEntry(entries[0]))
	}
	return message
}

// stands returns the user's standing in the room.
func (u user) stands() chat.Standing {
	u.Helper()
	standing, err := u.Standing(u.Context(), u.room.id, u.id)
	if err != nil {
		u.Fatalf("standing of %s: %v", u.id, err)
	}
	return standing
}

// marks moves the user's read mark.
func (u user) marks(seq chat.Seq) ports.MarkOutcome {
	u.Helper()
	o := u.triesToMark(seq)
	if o.Err != nil {
		u.Fatalf("mark %d: %v", seq, o.Err)
	}
	return o
}

// triesToMark moves the user's read mark, which may fail.
func (u user) triesToMark(seq chat.Seq) ports.MarkOutcome {
	u.Helper()
	outcomes, err := u.Mark(u.Context(), []ports.ReadMark{{Room: u.room.id, User: u.id, Seq: seq}})
	if err != nil || len(outcomes) != 1 {
		u.Fatalf("mark %d: %d outcomes, %v", seq, len(outcomes), err)
	}
	return outcomes[0]
}

// lists asks for a page of the user's rooms.
func (u user) lists(after chat.RoomID, limit int, granted ...chat.RoomID) ([]chat.Standing, chat.RoomID) {
	u.Helper()
	page, next, err := u.Rooms(u.Context(), ports.RoomsQuery{User: u.id, Granted: granted, After: after, Limit: limit})
	if err != nil || len(page) > limit {
		u.Fatalf("page of %d rooms of %s, %v, want %d at most", len(page), u.id, err, limit)
	}
	return page, next
}

// rooms returns the ids of all the user's rooms.
func (u user) rooms() []chat.RoomID {
	u.Helper()
	standings, _ := u.lists("", everything)
	var ids []chat.RoomID
	for _, standing := range standings {
		ids = append(ids, standing.Room.ID)
	}
	return ids
}

func mustEqual[T comparable](t tester, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Fatalf("%s is %v, want %v", what, got, want)
	}
}

func mustEqualSlices[T comparable](t tester, what string, got, want []T) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("%s are %v, want %v", what, got, want)
	}
}

// mustBeEntries compares all fields of entries, and their times as instants.
func mustBeEntries(t tester, got, want []chat.Entry) {
	t.Helper()
	if showEntries(got) != showEntries(want) {
		t.Fatalf("entries are\n%swant\n%s", showEntries(got), showEntries(want))
	}
}

var statusNames = [...]string{ports.Refused: "refused", ports.Appended: "appended", ports.Duplicate: "duplicate", ports.Unchanged: "unchanged", ports.Held: "held"}

func showOutcome(o ports.Outcome) string {
	if o.Err != nil {
		return fmt.Sprintf("%s: %v", statusNames[o.Status], o.Err)
	}
	return statusNames[o.Status] + " " + showEntry(o.Entry)
}

func showEntries(entries []chat.Entry) string {
	var b strings.Builder
	for _, entry := range entries {
		b.WriteString(showEntry(entry) + "\n")
	}
	return b.String()
}

// showEntry returns all fields of an entry as text. Two entries are the same if their texts are.
func showEntry(e chat.Entry) string {
	fact := fmt.Sprintf("%T%+v", e.Fact, e.Fact)
	switch f := e.Fact.(type) {
	case chat.Message:
		fact = fmt.Sprintf("message %q reply %d meta %q edited %s deleted %s silent %t reactions %v slots %s",
			f.Body, f.ReplyTo, f.Meta, showTime(f.EditedAt), showTime(f.DeletedAt), f.Silent, f.Reactions, showSlots(f.Slots))
	case chat.Set:
		fact = fmt.Sprintf("set %s %q on %d to %q (%t)", f.Type, f.Slot, f.Target, f.Data, f.Data == nil)
	}
	return fmt.Sprintf("%s/%d at %s by %q %q via %q key %q messages %d: %s",
		e.Room, e.Seq, showTime(e.At), e.Author.ID, e.Author.Name, e.Via, e.Key, e.Messages, fact)
}

func showTime(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.Format(time.RFC3339Nano)
}

// together calls do(0) to do(n-1) at once and waits for all.
func together(t *testing.T, n int, do func(i int)) {
	t.Helper()
	start, done := make(chan struct{}), make(chan struct{})
	for i := range n {
		go func() {
			defer func() { done <- struct{}{} }()
			<-start
			do(i)
		}()
	}
	close(start)
	for range n {
		<-done
	}
}
