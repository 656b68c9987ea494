package postgres_test

import (
	"fmt"
	"testing"

	"github.com/parley-chat/parley/adapters/postgres"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/ledger"
	"github.com/parley-chat/parley/ports"
)

// judged is a room as the ledger is told of it, with messages 1 and 2, of which 2 is deleted.
type judged struct {
	ledger.Rows // nil: the judge of a message may not call the other methods
	room        ledger.Room
	places      map[chat.UserID]chat.Member
	taken       map[chat.UserID]chat.Seq // of each user, the entry of the key usedElse
}

func (j *judged) Room() *ledger.Room { return &j.room }

func (j *judged) Place(user chat.UserID) (ledger.Place, error) {
	return ledger.Place{Member: j.places[user]}, nil
}

func (j *judged) Message(seq chat.Seq) (ledger.Message, bool, error) {
	return ledger.Message{Author: "ann"}, seq == 1 || seq == 2, nil
}

func (j *judged) Used(user chat.UserID, key chat.Key) (chat.Entry, bool, error) {
	if key == usedElse {
		return chat.Entry{Seq: j.taken[user], Fact: chat.Reacted{Target: 1}}, true, nil
	}
	return chat.Entry{Seq: 1, Fact: chat.Message{Silent: true}}, key == usedBefore, nil
}

const (
	usedBefore = chat.Key("used before")
	usedElse   = chat.Key("used for another thing")
)

// newJudged makes a room with a user of each role, a banned one, and one without a place. Each of
// them has used a key there for a message, and another one for a reaction.
func newJudged(t *testing.T, store *postgres.Store, public, archived bool) *judged {
	t.Helper()
	j := &judged{taken: map[chat.UserID]chat.Seq{}, places: map[chat.UserID]chat.Member{"nobody": {}, "banned": {User: "banned", Banned: true}}}
	for _, role := range []chat.Role{chat.Read, chat.Write, chat.Moderate} {
		user := chat.UserID(role.String())
		j.places[user] = chat.Member{User: user, Role: role}
	}
	j.room.Room = chat.Room{ID: newRoom(t, store), Public: public, Archived: archived}
	does := func(f chat.Fact) {
		p := says(j.room.ID, "ann", "")
		p.Fact = f
		appends(t, store, p)
	}
	does(chat.Message{Body: "hi"})
	does(chat.Message{Body: "what is deleted"})
	does(chat.Deleted{Target: 2})
	for user, place := range j.places {
		p := says(j.room.ID, user, "used")
		p.Key = usedBefore
		appends(t, store, p)
		p.Key, p.Fact = usedElse, chat.Reacted{Target: 1, Emoji: "👍"}
		j.taken[user] = appends(t, store, p)[0].Entry.Seq
		switch {
		case place.Banned:
			does(chat.MemberChanged{User: user, Change: chat.MemberBanned})
		case place.Role != chat.None:
			does(chat.MemberChanged{User: user, Change: chat.MemberJoined, Role: place.Role})
		}
	}
	if public {
		does(chat.RoomChanged{Change: chat.RoomPublished})
	}
	if archived {
		does(chat.RoomChanged{Change: chat.RoomArchived})
	}
	return j
}

// proposals are messages by each user of the room, with each right that a token may give: replies
// to nothing, to a message, to a deleted one, and to an entry that is not a message. Each user has
// two more with keys that they have used.
func (j *judged) proposals() (all []chat.Proposal) {
	for user := range j.places {
		for n := range 16 {
			by := chat.Rights{Granted: chat.Role(n % 4), Everybody: n&4 != 0, Admin: n&8 != 0}
			for reply := range chat.Seq(4) {
				p := says(j.room.ID, user, "hi")
				p.By, p.Fact = by, chat.Message{Body: "hi", ReplyTo: reply}
				all = append(all, p)
			}
		}
		for _, key := range []chat.Key{usedBefore, usedElse} {
			p := says(j.room.ID, user, "hi")
			p.By, p.Key = chat.Rights{}, key
			all = append(all, p)
		}
	}
	return all
}

// TestTheStatementForMessagesJudgesAsTheLedgerDoes compares the rules that are in SQL, for speed,
// with the judge's: each state of a room and of an author, with each kind of right.
func TestTheStatementForMessagesJudgesAsTheLedgerDoes(t *testing.T) {
	t.Parallel()
	relay := startRelay(t, migrated.Copy(t))
	store := open(t, postgres.Config{URL: relay.url, MaxConns: 1})
	for n := range 4 {
		j := newJudged(t, store, n&1 != 0, n&2 != 0)
		proposals := j.proposals()
		appends(t, store, says(newRoom(t, store), "ann", "has the statement prepared"))
		before := relay.turns.Load()
		outcomes := appends(t, store, proposals...)
		if turns := relay.turns.Load() - before; turns != 1 {
			t.Fatalf("the batch took %d round trips: the statement was not asked", turns)
		}
		seen, taken := map[string]int{}, 0
		for i := range proposals {
			want, err := ledger.Judge(j, &proposals[i])
			if err != nil {
				t.Fatal(err)
			}
			got := fmt.Sprint(outcomes[i].Status, outcomes[i].Err)
			if outcomes[i].Status == ports.Refused && proposals[i].Key == usedElse {
				taken++
			}
			if seen[got]++; got != fmt.Sprint(want.Status, want.Err) {
				t.Errorf("public %t, archived %t: %s, %+v, %+v: got %s, want %d %v", j.room.Public, j.room.Archived,
					proposals[i].Author.ID, proposals[i].By, proposals[i].Fact, got, want.Status, want.Err)
			}
		}
		if len(seen) < 5 || seen[fmt.Sprint(ports.Duplicate, nil)] != len(j.places) || taken != len(j.places) {
			t.Errorf("public %t, archived %t: the outcomes were only %v", j.room.Public, j.room.Archived, seen)
		}
	}
}
