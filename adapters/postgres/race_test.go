package postgres_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/parley-chat/parley/adapters/postgres"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// TestTwoNodesRaceWithEveryFact has two stores append the same batches at the same time, over the
// same rooms in any order, with any facts. Each key must be one entry, there may be no deadlock,
// and the tables must fit the log.
func TestTwoNodesRaceWithEveryFact(t *testing.T) {
	t.Parallel()
	const rounds, lanes, perBatch = 25, 3, 12
	database := migrated.Copy(t)
	nodes := []*postgres.Store{open(t, postgres.Config{URL: database}), open(t, postgres.Config{URL: database})}
	var rooms []chat.RoomID
	for range 4 {
		rooms = append(rooms, newRoom(t, nodes[0]))
	}
	var appended sync.Map // chat.Key to chat.Seq
	var wg sync.WaitGroup
	for lane := range lanes {
		source := rand.New(rand.NewPCG(uint64(lane), 7))
		wg.Go(func() {
			for range rounds {
				batch := make([]chat.Proposal, perBatch)
				for i := range batch {
					batch[i] = says(rooms[source.IntN(len(rooms))], chat.UserID(fmt.Sprint("u", source.IntN(3))), "")
					batch[i].Fact = anyFact(source)
				}
				var both sync.WaitGroup
				for _, node := range nodes {
					both.Go(func() { record(t, node, batch, &appended) })
				}
				both.Wait()
			}
		})
	}
	wg.Wait()
	stored := 0
	for _, room := range rooms {
		entries := log(t, nodes[0], room)
		stored += len(entries)
		for _, e := range entries {
			if seq, ok := appended.Load(e.Key); !ok || seq != e.Seq {
				t.Errorf("entry %s/%d was appended as %v", room, e.Seq, seq)
			}
		}
		mustFit(t, nodes[1], room, entries)
	}
	acknowledged := 0
	appended.Range(func(any, any) bool { acknowledged++; return true })
	if stored != acknowledged || stored == 0 {
		t.Errorf("%d entries are stored, and %d were appended", stored, acknowledged)
	}
}

// record appends a batch that another node appends too, and records the entries that this node
// made.
func record(t *testing.T, node *postgres.Store, batch []chat.Proposal, appended *sync.Map) {
	outcomes, err := node.Append(t.Context(), batch)
	if err != nil {
		t.Errorf("append: %v", err)
		return
	}
	for i, o := range outcomes {
		if o.Status != ports.Appended {
			continue
		}
		if earlier, taken := appended.LoadOrStore(batch[i].Key, o.Entry.Seq); taken {
			t.Errorf("one key is at %d and at %d", earlier, o.Entry.Seq)
		}
	}
}

func anyFact(source *rand.Rand) chat.Fact {
	target := chat.Seq(source.IntN(40) + 1)
	user := chat.UserID(fmt.Sprint("u", source.IntN(3)))
	switch source.IntN(14) {
	case 0, 1:
		return chat.Edited{Target: target, Body: fmt.Sprint("edited ", source.IntN(100))}
	case 2:
		return chat.Deleted{Target: target}
	case 3, 4, 5:
		return chat.Reacted{Target: target, Emoji: []string{"👍", "🎉"}[source.IntN(2)], Removed: source.IntN(3) == 0}
	case 6:
		return chat.MemberChanged{User: user, Change: chat.MemberJoined, Role: chat.Role(source.IntN(3) + 1)}
	case 7:
		return chat.MemberChanged{User: user, Change: []chat.MemberChange{chat.MemberLeft, chat.MemberBanned}[source.IntN(2)]}
	case 8:
		return chat.RoomChanged{Change: []chat.RoomChange{chat.RoomPublished, chat.RoomHidden}[source.IntN(2)]}
	case 9:
		return chat.Set{Type: chat.RoomTopic, Data: chat.Text(fmt.Sprint(source.IntN(4)))}
	case 10:
		return chat.Set{Type: "x.a", Target: target, Data: []byte(fmt.Sprint(source.IntN(4)))}
	default:
		return chat.Message{Body: "hi", ReplyTo: max(0, target-30)}
	}
}

// mustFit compares a room's other tables with its log.
func mustFit(t *testing.T, store *postgres.Store, room chat.RoomID, entries []chat.Entry) {
	t.Helper()
	want := chat.Room{ID: room, Head: chat.Seq(len(entries))}
	members := map[chat.UserID]chat.Role{}
	counts := map[chat.Seq]map[string]int{}
	for _, e := range entries {
		switch f := e.Fact.(type) {
		case chat.Message:
			want.Messages++
		case chat.MemberChanged:
			members[f.User] = f.Role
		case chat.Set:
			if f.Target == 0 {
				want.Changed = e.Seq
			}
		case chat.RoomChanged:
			want.Public, want.Changed = f.Change == chat.RoomPublished, e.Seq
		case chat.Reacted:
			if counts[f.Target] == nil {
				counts[f.Target] = map[string]int{}
			}
			counts[f.Target][f.Emoji] = f.Count
		}
		if e.Messages != want.Messages {
			t.Errorf("entry %d knows of %d messages, want %d", e.Seq, e.Messages, want.Messages)
		}
	}
	for _, e := range entries {
		m, ok := e.Fact.(chat.Message)
		if !ok {
			continue
		}
		shown := 0
		for _, r := range m.Reactions {
			if shown++; counts[e.Seq][r.Emoji] != r.Count {
				t.Errorf("message %d has %d of %s, want %d", e.Seq, r.Count, r.Emoji, counts[e.Seq][r.Emoji])
			}
		}
		for emoji, count := range counts[e.Seq] {
			if count > 0 {
				shown--
			} else if count < 0 {
				t.Errorf("message %d has %d of %s", e.Seq, count, emoji)
			}
		}
		if shown != 0 {
			t.Errorf("message %d shows %v, want %v", e.Seq, m.Reactions, counts[e.Seq])
		}
	}
	for user, role := range members {
		st, err := store.Standing(t.Context(), room, user)
		want.CreatedAt = st.Room.CreatedAt
		if err != nil || st.Member.Role != role || st.Room != want {
			t.Errorf("standing is %+v, %v, want role %v and room %+v", st, err, role, want)
		}
	}
}

func TestPlainBatches(t *testing.T) {
	t.Parallel()
	store := open(t, postgres.Config{URL: migrated.Copy(t)})
	reply := func(room chat.RoomID, to chat.Seq) chat.Proposal {
		p := says(room, "bob", "re")
		p.Fact = chat.Message{Body: "re", ReplyTo: to}
		return p
	}

	t.Run("a reply may follow its message in the same batch, but not come before it", func(t *testing.T) {
		t.Parallel()
		room := newRoom(t, store)
		early := reply(room, 1)
		outcomes := appends(t, store, early, says(room, "alice", "hi"), reply(room, 1), reply(room, 4))
		mustFail(t, outcomes[0].Err, chat.NotFound)
		mustBe(t, outcomes[1:3], ports.Appended, 1)
		mustFail(t, outcomes[3].Err, chat.NotFound)
		mustBe(t, appends(t, store, early, reply(room, 3)), ports.Appended, 3)
	})

	t.Run("a key may come twice, and counts when the first of it was refused", func(t *testing.T) {
		t.Parallel()
		room := newRoom(t, store)
		refused, said := reply(room, 7), says(room, "bob", "hi")
		refused.Key, said.Key = "k", "k"
		outcomes := appends(t, store, refused, said, said)
		mustFail(t, outcomes[0].Err, chat.NotFound)
		mustBe(t, outcomes[1:2], ports.Appended, 1)
		mustBe(t, outcomes[2:], ports.Duplicate, 1)
	})

	t.Run("nothing of one is shared with its caller", func(t *testing.T) {
		t.Parallel()
		room := newRoom(t, store)
		p := says(room, "alice", "")
		meta := []byte(`{"a":1}`)
		p.Fact = chat.Message{Body: "hi", Meta: meta}
		outcome := appends(t, store, p)[0]
		copy(meta, "changed")
		if got := outcome.Entry.Fact.(chat.Message).Meta; string(got) != `{"a":1}` {
			t.Errorf("the entry's meta is %s", got)
		}
	})
}
