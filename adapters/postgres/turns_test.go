package postgres_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/parley-chat/parley/adapters/postgres"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// The first 256 entries of a room are looked through, and those behind them stand in an index. What
// is unread and which message is the last is found on both sides, and across.
func TestTurnsAmongTheFirstEntriesAndBehindThem(t *testing.T) {
	t.Parallel()
	database := migrated.Copy(t)
	store := open(t, postgres.Config{URL: database})
	db := connect(t, database)
	for _, before := range []int{0, 226, 246, 300} {
		t.Run(fmt.Sprintf("behind %d entries", before), func(t *testing.T) {
			w := turnsWorld{t, store, db, newRoom(t, store), rand.New(rand.NewPCG(1, 2)), nil, map[chat.Seq]bool{}}
			batch := make([]chat.Proposal, before)
			for i := range batch {
				batch[i] = says(w.room, "alice", "hi")
			}
			for _, o := range appends(t, store, batch...) {
				w.said = append(w.said, o.Entry)
			}
			for range 50 {
				w.act()
				w.check()
			}
		})
	}
}

// turnsWorld has what should be in a room.
type turnsWorld struct {
	t     *testing.T
	store *postgres.Store
	db    *pgx.Conn
	room  chat.RoomID
	rng   *rand.Rand
	said  []chat.Entry
	gone  map[chat.Seq]bool // which of them are deleted
}

func (w *turnsWorld) anybody() chat.UserID {
	return []chat.UserID{"alice", "bob", "carol"}[w.rng.IntN(3)]
}

func (w *turnsWorld) do(p chat.Proposal) {
	w.t.Helper()
	o := appends(w.t, w.store, p)[0]
	if o.Status != ports.Appended {
		w.t.Fatalf("%+v: %+v", p, o)
	}
	if _, is := p.Fact.(chat.Message); is {
		w.said = append(w.said, o.Entry)
	}
}

// act says something, or deletes a message or reacts to one.
func (w *turnsWorld) act() {
	w.t.Helper()
	p := says(w.room, w.anybody(), "hi")
	if n := len(w.said); n > 0 {
		about := w.said[max(0, n-20)+w.rng.IntN(min(n, 20))].Seq
		if does := w.rng.IntN(4); does < 2 && !w.gone[about] {
			p.Fact = chat.Fact(chat.Reacted{Target: about, Emoji: string(chat.NewKey()[1:])})
			if does == 0 {
				p.Fact = chat.Deleted{Target: about}
				w.gone[about] = true
			}
		}
	}
	w.do(p)
}

// oddTurns counts messages that are not by the author of the turn that they belong to, and turns by
// the author of the one before.
const oddTurns = `
SELECT count(*) FROM (
  SELECT author, lag(author) OVER (ORDER BY seq) AS before FROM entry WHERE room_id = $1 AND kind = 1 AND turn
  UNION ALL
  SELECT '', '' FROM entry m WHERE room_id = $1 AND kind = 1 AND deleted_at IS NULL AND author IS DISTINCT FROM (
    SELECT t.author FROM entry t WHERE t.room_id = m.room_id AND t.kind = 1 AND t.turn AND t.seq <= m.seq ORDER BY t.seq DESC LIMIT 1)
) t WHERE author = before`

// check asks for what somebody has not read behind a place.
func (w *turnsWorld) check() {
	w.t.Helper()
	var odd int
	if err := w.db.QueryRow(w.t.Context(), oddTurns, string(w.room)).Scan(&odd); err != nil || odd > 0 {
		w.t.Fatalf("%d turns are odd, %v", odd, err)
	}
	reader, last := w.anybody(), w.said[len(w.said)-1].Seq
	behind := max(0, last-chat.Seq(w.rng.IntN(60)))
	exec(w.t, w.db, `INSERT INTO mark (room_id, user_id, seq) VALUES ($1, $2, $3) ON CONFLICT (room_id, user_id) DO UPDATE SET seq = excluded.seq`,
		string(w.room), string(reader), int64(behind))
	var want int64
	for _, e := range w.said {
		if e.Seq > behind && e.Author.ID != reader && !w.gone[e.Seq] {
			want++
		}
	}
	sights, err := w.store.Sights(w.t.Context(), reader, []chat.RoomID{w.room})
	if err != nil || len(sights) != 1 || sights[0].Last == nil {
		w.t.Fatalf("%+v, %v", sights, err)
	}
	if got := sights[0]; got.Standing.Unread != want || got.Last.Seq != last {
		w.t.Fatalf("%s has %d unread behind %d, want %d; the last message is %d, want %d", reader, got.Standing.Unread, behind, want, got.Last.Seq, last)
	}
}
