package portstest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

func (s *storeSuite) testSends(t *testing.T) {
	s.prove(t, []sentence{
		{"a message for a head is appended behind that entry only", ifHeadIsTheHead},
		{"a message for a head that moved says where it is, and uses no key up", ifHeadMoved},
		{"messages of one call that are for a head see those before them", ifHeadInOneCall},
		{"of many messages for one head one is appended", s.raceIfHead},
		{"a silent message is a message", silentIsAMessage},
		{"a silent message is unread for nobody", silentIsUnreadForNobody},
		{"silent messages need who moderates, or a service", silentNeedsRights},
	})
}

// proposesIf proposes a message that requires a head.
func (u user) proposesIf(head chat.Seq, body string) chat.Proposal {
	p := u.proposes(chat.Message{Body: body})
	p.IfHead = &head
	return p
}

// mustBeMoved fails the test unless the proposal was refused because the head is another one.
func (r room) mustBeMoved(got ports.Outcome, head chat.Seq) {
	r.Helper()
	r.mustRefuse(got, chat.Conflict)
	if e, ok := errors.AsType[*chat.Error](got.Err); !ok || e.Detail != chat.Moved || e.Head != head {
		r.Fatalf("outcome is %s, want that the head moved to %d", showOutcome(got), head)
	}
}

func ifHeadIsTheHead(t *testing.T, r room) {
	alice := r.user("alice")
	r.mustBeMoved(r.appends(alice.proposesIf(1, "one"))[0], 0)
	r.mustBeSeq(r.appends(alice.proposesIf(0, "one"))[0], ports.Appended, 1)
	alice.does(chat.RoomChanged{Change: chat.RoomRenamed, Name: "Tea"}) // any entry moves the head
	r.mustBeMoved(r.appends(alice.proposesIf(1, "two"))[0], 2)
	r.mustBeSeq(r.appends(alice.proposesIf(2, "two"))[0], ports.Appended, 3)
	r.mustBeMoved(r.appends(alice.proposesIf(chat.MaxSeq, "three"))[0], 3)
	reply := alice.proposesIf(3, "a reply")
	reply.Fact = chat.Message{Body: "a reply", ReplyTo: 1}
	r.mustBeSeq(r.appends(reply)[0], ports.Appended, 4)
	mustEqual(t, "entries", len(r.log("")), 4)
}

func ifHeadMoved(t *testing.T, r room) {
	alice := r.user("alice")
	p := alice.proposesIf(1, "one")
	r.mustBeMoved(r.appends(p)[0], 0)
	alice.says("before")
	r.mustBeSeq(r.appends(p)[0], ports.Appended, 2)
	// The key is checked first: somebody who repeats a send is not told that the head is their own
	// message.
	r.mustBeSeq(r.appends(p)[0], ports.Duplicate, 2)
	// So do rights and what the message is about.
	stranger := r.user("stranger").proposesIf(99, "x")
	stranger.By = chat.Rights{}
	r.mustRefuse(r.appends(stranger)[0], chat.NotFound)
	astray := alice.proposesIf(99, "x")
	astray.Fact = chat.Message{Body: "x", ReplyTo: 99}
	r.mustRefuse(r.appends(astray)[0], chat.NotFound)
}

func ifHeadInOneCall(t *testing.T, r room) {
	alice, elsewhere := r.user("alice"), newRoom(t, r.StoreUnderTest).user("alice")
	outcomes := r.appends(
		alice.proposesIf(0, "one"), elsewhere.proposesIf(0, "one elsewhere"), alice.proposesIf(0, "late"),
		alice.proposesIf(1, "two"), alice.proposes(chat.Message{Body: "three"}), alice.proposesIf(3, "four"), elsewhere.proposesIf(4, "early"),
	)
	for i, want := range []chat.Seq{1, 1, 0, 2, 3, 4, 0} {
		if want == 0 {
			r.mustRefuse(outcomes[i], chat.Conflict)
		} else {
			mustEqual(t, fmt.Sprintf("seq of outcome %d", i), r.mustBe(outcomes[i], ports.Appended).Seq, want)
		}
	}
}

func (s *storeSuite) raceIfHead(t *testing.T, r room) {
	const racers, rounds = 50, 3
	handles := s.handles(t)
	for head := range chat.Seq(rounds) {
		outcomes := make([]ports.Outcome, racers)
		together(t, racers, func(i int) {
			one := user{r.on(t, handles[i%len(handles)]), chat.UserID(fmt.Sprint("racer", i))}
			outcomes[i] = one.insists(one.proposesIf(head, fmt.Sprint(i)))
		})
		won := 0
		for _, o := range outcomes {
			if o.Status == ports.Appended || o.Status == ports.Duplicate {
				won++
				mustEqual(t, "seq of who won", o.Entry.Seq, head+1)
			} else {
				r.mustBeMoved(o, head+1)
			}
		}
		mustEqual(t, "who won", won, 1)
	}
	mustEqual(t, "entries", len(r.log("")), rounds)
}

// insists proposes until the store tells the outcome. On a slow machine the racers may wait for
// each other longer than the store waits for a lock. The key still tells who has won.
func (u user) insists(p chat.Proposal) ports.Outcome {
	u.Helper()
	for {
		outcomes, err := u.Append(u.Context(), []chat.Proposal{p})
		switch {
		case errors.Is(err, chat.Unavailable) && u.Context().Err() == nil:
		case err != nil:
			u.Errorf("append for a head: %v", err)
			return ports.Outcome{}
		case outcomes[0].Status != ports.Held:
			return outcomes[0]
		}
	}
}

func silentIsAMessage(t *testing.T, r room) {
	alice, bob := r.user("alice"), r.user("bob")
	alice.does(chat.Message{Body: "psst", Silent: true, Meta: []byte(`{"a":1}`)})
	e := r.entry(1)
	mustEqual(t, "messages", e.Messages, 1)
	mustBeEntries(t, []chat.Entry{e}, r.reads(ports.Span{Limit: 5, Messages: true}))
	if m := e.Fact.(chat.Message); !m.Silent || m.Body != "psst" || string(m.Meta) != `{"a":1}` {
		t.Fatalf("read as %s", showEntry(e))
	}
	bob.does(chat.Message{Body: "a reply", ReplyTo: 1})
	bob.reacts(1, "👍")
	alice.edits(1, "hush")
	if m := r.message(1, bob.id); !m.Silent || m.Body != "hush" || len(m.Reactions) != 1 || !m.Reactions[0].Me {
		t.Fatalf("read as %s", showEntry(r.entry(1)))
	}
	alice.deletes(1)
	r.mustRefuse(alice.tries(chat.Edited{Target: 1, Body: "again"}), chat.Conflict)
	if m := r.message(1, ""); !m.Silent || m.Body != "" || m.Meta != nil || m.DeletedAt.IsZero() {
		t.Fatalf("read as %s", showEntry(r.entry(1)))
	}
	for i := range 70 { // far apart, among others
		alice.does(chat.Message{Body: "psst", Silent: i%2 == 0, ReplyTo: 2})
		bob.reacts(2, fmt.Sprint("e", i%7))
		bob.unreacts(2, fmt.Sprint("e", i%7))
	}
	var want []chat.Seq
	for _, e := range r.log("") {
		if _, ok := e.Fact.(chat.Message); ok {
			want = append(want, e.Seq)
		}
	}
	for _, newest := range []bool{false, true} {
		var got []chat.Seq
		for _, e := range r.reads(ports.Span{Limit: everything, Messages: true, Newest: newest}) {
			got = append(got, e.Seq)
		}
		mustEqualSlices(t, "messages", got, want)
	}
}

func silentIsUnreadForNobody(t *testing.T, r room) {
	alice, bob, carol := r.user("alice"), r.user("bob"), r.user("carol")
	silent := chat.Message{Body: "psst", Silent: true}
	unread := func(want ...int64) {
		t.Helper()
		for i, u := range []user{alice, bob, carol, r.user("dave")} {
			mustEqual(t, "unread of "+string(u.id), u.stands().Unread, want[i])
		}
	}
	alice.does(silent)
	unread(0, 0, 0, 0)
	alice.says("one")
	bob.does(silent) // within a turn of alice's
	alice.says("two")
	alice.does(silent)
	unread(0, 2, 2, 2)
	bob.says("three")
	unread(1, 2, 3, 3)
	alice.does(silent) // between two turns of bob's, which are one
	bob.says("four")
	bob.deletes(6)
	unread(1, 2, 3, 3)
	alice.deletes(7)
	unread(1, 2, 3, 3)
	alice.edits(5, "hush")
	bob.reacts(5, "👍")
	unread(1, 2, 3, 3)
	carol.does(chat.MemberChanged{User: carol.id, Change: chat.MemberJoined, Role: chat.Read})
	for seq, want := range map[chat.Seq]int64{1: 3, 2: 2, 3: 2, 4: 1, 5: 1, 8: 0} {
		someone := r.user(fmt.Sprint("reader", seq))
		mustEqual(t, fmt.Sprintf("unread behind %d", seq), someone.marks(seq).Unread, want)
	}
	for range 1200 / 50 {
		batch := make([]chat.Proposal, 50)
		for i := range batch {
			batch[i] = bob.proposes(silent)
		}
		r.appends(batch...)
	}
	unread(1, 2, 3, 3)
}

func silentNeedsRights(t *testing.T, r room) {
	for _, row := range []struct {
		by   chat.Rights
		kind chat.Kind // empty: it is appended
	}{
		{chat.Rights{Granted: chat.Moderate}, ""},
		{chat.Rights{Admin: true}, ""},
		{chat.Rights{Granted: chat.Write, Service: true}, ""},
		{chat.Rights{Granted: chat.Write}, chat.Forbidden},
		{chat.Rights{Granted: chat.Read, Service: true}, chat.Forbidden},
		{chat.Rights{Service: true}, chat.NotFound},
	} {
		o := r.appends(r.user("alice").proposesBy(row.by, chat.Message{Body: "psst", Silent: true}))[0]
		if row.kind == "" {
			r.mustBe(o, ports.Appended)
		} else {
			r.mustRefuse(o, row.kind)
		}
	}
}
