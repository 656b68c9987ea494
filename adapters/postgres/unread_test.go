package postgres

import (
	"encoding/json"
	"fmt"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/parley-chat/parley/adapters/postgres/pgtest"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// Counting unread messages reads the rows that it counts, those of the room's first entries, and
// few more, whatever else lies behind the mark.
func TestUnreadLooksAtLittleMoreThanItCounts(t *testing.T) {
	t.Parallel()
	store, err := Open(t.Context(), Config{URL: pgtest.URL(t), MaxConns: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	alice, bob, carol := chat.Author{ID: "alice"}, chat.Author{ID: "bob"}, chat.Author{ID: "carol"}
	hi := chat.Message{Body: "hi"}
	seen, err := strconv.Atoi(small)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct {
		name string
		do   func(place func(chat.Author, chat.Fact), head func() chat.Seq, n int)
	}{
		{"messages of their own", func(place func(chat.Author, chat.Fact), _ func() chat.Seq, n int) {
			for range n {
				place(alice, hi)
			}
		}},
		{"silent messages", func(place func(chat.Author, chat.Fact), _ func() chat.Seq, n int) {
			for i := range n {
				place([]chat.Author{bob, carol}[i%2], chat.Message{Body: "psst", Silent: true})
			}
		}},
		{"reactions", func(place func(chat.Author, chat.Fact), _ func() chat.Seq, n int) {
			for i := range n {
				place(bob, chat.Reacted{Target: 1, Emoji: fmt.Sprint("e", i/2%40), Removed: i%2 == 1})
			}
		}},
		{"deleted messages", func(place func(chat.Author, chat.Fact), head func() chat.Seq, n int) {
			first := head() + 1
			for range n {
				place(bob, hi)
			}
			for i := range n {
				place(bob, chat.Deleted{Target: first + chat.Seq(i)})
			}
		}},
		{"deleted messages of several", func(place func(chat.Author, chat.Fact), head func() chat.Seq, n int) {
			first := head() + 1
			for i := range n {
				place([]chat.Author{bob, carol}[i%2], hi)
			}
			for i := range n {
				place(bob, chat.Deleted{Target: first + chat.Seq(i*7%n)})
			}
		}},
		{"messages of their own with deleted ones in between", func(place func(chat.Author, chat.Fact), head func() chat.Seq, n int) {
			first := head() + 1
			for range n {
				place(alice, hi)
				place(bob, hi)
			}
			for i := range n {
				place(bob, chat.Deleted{Target: first + chat.Seq(2*i) + 1})
			}
		}},
	} {
		var looked [2]int
		for j, n := range []int{311, 1501} {
			room := chat.RoomID(fmt.Sprint("r", i, j))
			if _, err := store.Create(t.Context(), chat.Room{ID: room}, ""); err != nil {
				t.Fatal(err)
			}
			var batch []chat.Proposal
			var placed chat.Seq
			flush := func() chat.Seq {
				outcomes, err := store.Append(t.Context(), batch)
				if err != nil {
					t.Fatal(err)
				}
				for _, o := range outcomes {
					if o.Status != ports.Appended {
						t.Fatalf("%s: %+v", c.name, o)
					}
					placed = max(placed, o.Entry.Seq)
				}
				batch = nil
				return placed
			}
			place := func(by chat.Author, fact chat.Fact) {
				batch = append(batch, chat.Proposal{Room: room, Author: by, By: chat.Rights{Admin: true}, Key: chat.NewKey(), Fact: fact})
				if len(batch) == 500 {
					flush()
				}
			}
			place(bob, hi)
			c.do(place, flush, n)
			for range 5 {
				place(bob, hi)
				place(carol, hi)
			}
			flush()
			if st, err := store.Standing(t.Context(), room, "alice"); err != nil || st.Unread != 11 {
				t.Fatalf("%s: %d are unread, %v, want 11", c.name, st.Unread, err)
			}
			looked[j] = store.rowsOf(t, standingQuery, "alice", string(room))
			if rows := store.rowsOf(t, standingQuery, "dave", string(room)); i < 3 && rows > seen+100 {
				t.Errorf("among %s somebody who never spoke looks at %d rows", c.name, rows)
			}
		}
		t.Logf("%s: %v rows", c.name, looked)
		if looked[1] > looked[0]+2 || looked[1] > seen+100 {
			t.Errorf("among %s it looks at %v rows", c.name, looked)
		}
	}
}

// rowsOf returns how many rows a query looks at in all of its steps.
func (s *Store) rowsOf(t *testing.T, query string, args ...any) int {
	t.Helper()
	var text []byte
	if err := s.pool.QueryRow(t.Context(), "EXPLAIN (ANALYZE, FORMAT JSON) "+query, append([]any{pgx.QueryExecModeExec}, args...)...).Scan(&text); err != nil {
		t.Fatal(err)
	}
	var tops []struct{ Plan step }
	if err := json.Unmarshal(text, &tops); err != nil || len(tops) != 1 {
		t.Fatalf("plan cannot be read: %v\n%s", err, text)
	}
	return tops[0].Plan.rows()
}

// step is a node of a plan.
type step struct {
	Rows    int    `json:"Actual Rows"`
	Loops   int    `json:"Actual Loops"`
	Removed int    `json:"Rows Removed by Filter"`
	Steps   []step `json:"Plans"`
}

func (s step) rows() int {
	n := (s.Rows + s.Removed) * s.Loops
	for _, below := range s.Steps {
		n += below.rows()
	}
	return n
}
