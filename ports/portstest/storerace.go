package portstest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

func (s *storeSuite) testRaces(t *testing.T) {
	s.prove(t, []sentence{
		{"one key from many at once is one entry", s.raceOneKey},
		{"entries from many at once have no holes", s.raceNumbers},
		{"whoever sees an entry sees all below it", s.raceReaders},
		{"no reader gets a text with a view in which it is gone", s.raceConsistentView},
		{"calls that want the same rooms in other orders do not block each other", s.raceRoomOrder},
		{"reactions from many at once are counted", s.raceReactions},
		{"one deletion of many at once is the first", s.raceDeletions},
		{"one of many that make a room makes it", s.raceCreate},
		{"a mark that many move stays at the furthest, and a bad one spoils nobody's", s.raceMarks},
	})
	if s.again != nil {
		t.Run("another handle reads what the first wrote", func(t *testing.T) { t.Parallel(); s.testAnother(t) })
	}
}

// handles returns the handles of the store that a race uses in turn: two if the store can be
// shared.
func (s *storeSuite) handles(t *testing.T) []StoreUnderTest {
	t.Helper()
	if s.again == nil {
		return []StoreUnderTest{s.store}
	}
	return []StoreUnderTest{s.store, s.again(t, s.store)}
}

func (s *storeSuite) testAnother(t *testing.T) {
	alice := newRoom(t, s.store).user("alice")
	alice.says("hi")
	alice.reacts(1, "👍")
	alice.makes(alice, chat.MemberJoined, chat.Write)
	alice.marks(2)
	other := alice.on(t, s.again(t, s.store))
	mustBeEntries(t, other.log(alice.id), alice.log(alice.id))
	there := user{other, alice.id}
	mustEqual(t, "standing", there.stands(), alice.stands())
	mustEqual(t, "seq of the next", there.says("and on").Seq, 4)
	mustEqual(t, "seq after that", alice.says("and on").Seq, 5)
}

func (s *storeSuite) raceOneKey(t *testing.T, r room) {
	const writers, keys = 8, 10
	handles := s.handles(t)
	var appended atomic.Int64
	var seqs [writers][keys]chat.Seq
	together(t, writers, func(i int) {
		alice := user{r.on(t, handles[i%len(handles)]), "alice"}
		var batch []chat.Proposal
		for k := range keys {
			batch = append(batch, alice.proposesAs(chat.Key(fmt.Sprint("key", (k+i)%keys)), chat.Message{Body: fmt.Sprint((k + i) % keys)}))
		}
		for k, outcome := range alice.appends(batch...) {
			seqs[i][(k+i)%keys] = outcome.Entry.Seq
			if outcome.Status == ports.Appended {
				appended.Add(1)
			} else {
				r.mustBe(outcome, ports.Duplicate)
			}
		}
	})
	mustEqual(t, "entries appended", appended.Load(), keys)
	for i := range seqs {
		mustEqual(t, "seqs by key", seqs[i], seqs[0])
	}
	for k, seq := range seqs[0] {
		mustEqual(t, "body", r.message(seq, "").Body, fmt.Sprint(k))
	}
	mustEqual(t, "entries", len(r.log("")), keys)
}

func (s *storeSuite) raceNumbers(t *testing.T, r room) {
	const writers, calls, perCall = 8, 12, 3
	handles := s.handles(t)
	var last [writers]chat.Seq
	together(t, writers, func(i int) {
		author := r.on(t, handles[i%len(handles)]).user(fmt.Sprint("writer", i))
		for range calls {
			batch := make([]chat.Proposal, perCall)
			for j := range batch {
				batch[j] = author.proposes(chat.Message{Body: fmt.Sprint(i)})
			}
			for _, outcome := range author.appends(batch...) {
				if seq := r.mustBe(outcome, ports.Appended).Seq; seq <= last[i] {
					t.Errorf("seq %d comes after %d", seq, last[i])
				} else {
					last[i] = seq
				}
			}
		}
	})
	log := r.log("")
	mustEqual(t, "entries", len(log), writers*calls*perCall)
	for i, entry := range log {
		mustEqual(t, "seq", entry.Seq, chat.Seq(i+1))
		mustEqual(t, "messages", entry.Messages, int64(i+1))
		if i > 0 && entry.At.Before(log[i-1].At) {
			t.Fatalf("entry %d is at %v, the one before it at %v", i+1, entry.At, log[i-1].At)
		}
	}
}

// raceReaders reads on from the last entry that it saw, as a cursor does, while others write.
func (s *storeSuite) raceReaders(t *testing.T, r room) {
	const writers, readers, calls = 4, 4, 25
	handles := s.handles(t)
	together(t, writers+readers, func(i int) {
		there := r.on(t, handles[i%len(handles)])
		if i < writers {
			author := there.user(fmt.Sprint("writer", i))
			for range calls {
				author.says("hi")
			}
			return
		}
		for cursor := chat.Seq(0); cursor < writers*calls; {
			heads, err := there.Heads(t.Context(), []chat.RoomID{r.id})
			if err != nil {
				t.Errorf("heads: %v", err)
				return
			}
			entries := there.reads(ports.Span{After: cursor, Limit: everything})
			for _, entry := range entries {
				if entry.Seq != cursor+1 {
					t.Errorf("entry %d comes after %d", entry.Seq, cursor)
					return
				}
				cursor++
			}
			if cursor < heads[r.id] {
				t.Errorf("read ends at %d, and the head before it was %d", cursor, heads[r.id])
				return
			}
		}
	})
}

// raceConsistentView reads whole logs while messages are edited, reacted to and deleted. Each view
// must be consistent.
func (s *storeSuite) raceConsistentView(t *testing.T, r room) {
	const rounds = 30
	handles := s.handles(t)
	ctx, stop := context.WithCancel(t.Context())
	together(t, 4, func(i int) {
		there := r.on(t, handles[i%len(handles)])
		if i == 0 {
			defer stop()
			alice := there.user("alice")
			for n := range rounds {
				said := alice.says("first")
				alice.edits(said.Seq, fmt.Sprint("second ", n))
				alice.reacts(said.Seq, "👍")
				alice.deletes(said.Seq)
			}
			return
		}
		for ctx.Err() == nil {
			checkView(t, there.log(""))
		}
	})
}

// checkView checks that the messages of a whole log are as its changes made them, and that edits
// have the bodies of their messages.
func checkView(t *testing.T, log []chat.Entry) {
	t.Helper()
	at := func(seq chat.Seq) chat.Message { return log[seq-1].Fact.(chat.Message) }
	edited := map[chat.Seq]bool{}
	deleted := map[chat.Seq]bool{}
	for _, entry := range log {
		switch fact := entry.Fact.(type) {
		case chat.Edited:
			edited[fact.Target] = true
			if body := at(fact.Target).Body; fact.Body != body {
				t.Errorf("edit of %d says %q and the message %q", fact.Target, fact.Body, body)
			}
		case chat.Reacted:
			if reactions := at(fact.Target).Reactions; len(reactions) != 1 || reactions[0].Count != fact.Count {
				t.Errorf("%d has reactions %v, want a count of %d", fact.Target, reactions, fact.Count)
			}
		case chat.Deleted:
			deleted[fact.Target] = true
		}
	}
	for _, entry := range log {
		message, ok := entry.Fact.(chat.Message)
		if ok && (deleted[entry.Seq] != (message.Body == "") || edited[entry.Seq] == message.EditedAt.IsZero()) {
			t.Errorf("view with edit %v and deletion %v has %s", edited[entry.Seq], deleted[entry.Seq], showEntry(entry))
		}
	}
}

func (s *storeSuite) raceRoomOrder(t *testing.T, r room) {
	const writers, calls, rooms = 6, 10, 5
	handles := s.handles(t)
	all := []room{r}
	for range rooms - 1 {
		all = append(all, newRoom(t, r.StoreUnderTest))
	}
	together(t, writers, func(i int) {
		for range calls {
			batch := make([]chat.Proposal, rooms)
			for j := range batch {
				there := all[(j+i)%rooms]
				if i%2 == 0 {
					there = all[(rooms-1-j+i)%rooms]
				}
				batch[j] = there.user("writer").proposes(chat.Message{Body: "hi"})
			}
			for _, outcome := range r.on(t, handles[i%len(handles)]).appends(batch...) {
				r.mustBe(outcome, ports.Appended)
			}
		}
	})
	for _, there := range all {
		mustEqual(t, "entries", len(there.log("")), writers*calls)
	}
}

func (s *storeSuite) raceReactions(t *testing.T, r room) {
	const users = 8
	handles := s.handles(t)
	r.user("alice").says("hi")
	var counts [users]int
	together(t, users, func(i int) {
		counts[i] = r.on(t, handles[i%len(handles)]).user(fmt.Sprint("user", i)).reacts(1, "👍")
	})
	seen := map[int]bool{}
	for _, count := range counts {
		seen[count] = true
	}
	mustEqual(t, "different counts", len(seen), users)
	mustEqualSlices(t, "reactions", r.message(1, "").Reactions, []chat.Reaction{{Emoji: "👍", Count: users}})
}

func (s *storeSuite) raceDeletions(t *testing.T, r room) {
	const users = 6
	handles := s.handles(t)
	r.user("alice").says("hi")
	var appended atomic.Int64
	together(t, users, func(i int) {
		outcome := r.on(t, handles[i%len(handles)]).user(fmt.Sprint("user", i)).tries(chat.Deleted{Target: 1})
		mustEqual(t, "seq", outcome.Entry.Seq, 2)
		if outcome.Status == ports.Appended {
			appended.Add(1)
		} else {
			r.mustBe(outcome, ports.Unchanged)
		}
	})
	mustEqual(t, "deletions", appended.Load(), 1)
}

func (s *storeSuite) raceCreate(t *testing.T, r room) {
	const users = 6
	handles := s.handles(t)
	id := someRoom()
	var mu sync.Mutex
	var owners []chat.UserID
	together(t, users, func(i int) {
		owner := r.in(id).user(fmt.Sprint("user", i))
		_, err := handles[i%len(handles)].Create(t.Context(), chat.Room{ID: id}, owner.id)
		mu.Lock()
		defer mu.Unlock()
		if err == nil {
			owners = append(owners, owner.id)
		} else if !errors.Is(err, chat.Conflict) {
			t.Errorf("create: %v, want a conflict", err)
		}
	})
	mustEqual(t, "makers", len(owners), 1)
	members, err := r.Members(t.Context(), id, "", 10)
	if err != nil || len(members) != 1 || members[0].User != owners[0] {
		t.Fatalf("members are %+v, %v, want %s", members, err, owners[0])
	}
}

func (s *storeSuite) raceMarks(t *testing.T, r room) {
	const marks = 12
	handles := s.handles(t)
	alice := r.user("alice")
	for range marks {
		r.user("carol").says("hi")
	}
	together(t, 2*marks, func(i int) {
		there := user{r.on(t, handles[i%len(handles)]), alice.id}
		mark := chat.Seq(i + 1)
		if mark > marks {
			mustFail(t, there.user("bob").triesToMark(mark).Err, chat.Invalid)
			return
		}
		o := there.triesToMark(mark)
		for isKind(o.Err, chat.Unavailable) { // another handle has it locked
			o = there.triesToMark(mark)
		}
		if o.Err != nil || o.Read < mark || o.Unread != int64(marks-o.Read) {
			t.Errorf("mark %d gives read %d, unread %d, %v", mark, o.Read, o.Unread, o.Err)
		}
	})
	mustEqual(t, "read", alice.stands().Read, marks)
	mustEqual(t, "bob's read", r.user("bob").stands().Read, 0)
}

func (s *storeSuite) testContexts(t *testing.T) {
	s.prove(t, []sentence{
		{"a call whose context has ended fails with unavailable", endedContext},
		{"an append whose context ends on the way can be repeated", repeatsAfterCancel},
	})
}

func endedContext(t *testing.T, r room) {
	alice := r.user("alice")
	alice.says("hi")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := r.Append(ctx, []chat.Proposal{alice.proposes(chat.Message{Body: "late"})})
	mustFail(t, err, chat.Unavailable)
	_, err = r.Read(ctx, r.id, ports.Span{Limit: 1})
	mustFail(t, err, chat.Unavailable)
	_, err = r.Entry(ctx, r.id, 1)
	mustFail(t, err, chat.Unavailable)
	_, err = r.Heads(ctx, []chat.RoomID{r.id})
	mustFail(t, err, chat.Unavailable)
	_, err = r.Create(ctx, chat.Room{ID: someRoom()}, "")
	mustFail(t, err, chat.Unavailable)
	_, err = r.Standing(ctx, r.id, alice.id)
	mustFail(t, err, chat.Unavailable)
	_, err = r.Places(ctx, []ports.Place{{Room: r.id, User: alice.id}})
	mustFail(t, err, chat.Unavailable)
	_, _, err = r.Rooms(ctx, ports.RoomsQuery{User: alice.id, Limit: 1})
	mustFail(t, err, chat.Unavailable)
	_, err = r.Members(ctx, r.id, "", 1)
	mustFail(t, err, chat.Unavailable)
	_, err = r.Mark(ctx, []ports.ReadMark{{Room: r.id, User: alice.id, Seq: 1}})
	mustFail(t, err, chat.Unavailable)
	mustFail(t, r.Check(ctx), chat.Unavailable)
	mustEqual(t, "head", alice.stands().Room.Head, 1)
}

// repeatsAfterCancel cancels appends at random points, and repeats them with the same keys.
func repeatsAfterCancel(t *testing.T, r room) {
	const rounds, perRound = 20, 20
	alice := r.user("alice")
	for round := range rounds {
		batch := make([]chat.Proposal, perRound)
		for i := range batch {
			batch[i] = alice.proposesAs(chat.Key(fmt.Sprintf("%d/%d", round, i)), chat.Message{Body: fmt.Sprint(round)})
		}
		ctx, cancel := context.WithCancel(t.Context())
		together(t, 2, func(i int) {
			if i == 1 {
				cancel()
			} else if _, err := r.Append(ctx, batch); err != nil {
				mustFail(t, err, chat.Unavailable)
			}
		})
		for i, outcome := range r.appends(batch...) {
			if outcome.Status != ports.Appended && outcome.Status != ports.Duplicate || outcome.Entry.Seq != chat.Seq(round*perRound+i+1) {
				t.Fatalf("round %d, proposal %d: %s", round, i, showOutcome(outcome))
			}
		}
	}
	mustEqual(t, "entries", len(r.log("")), rounds*perRound)
}
