package finding_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/finding"
	"github.com/parley-chat/parley/ports"
)

// A search in 200 rooms takes few statements, however many rows it needs. A word that is nowhere
// needs only the manifests, once the filters are known, and a row of each block whose filter
// mistakes it for another word. When hits were made is known of new messages. Of older ones few
// more are looked up than are found.
func TestGuardASearchInManyRoomsTakesFewStatements(t *testing.T) {
	t.Parallel()
	x := newTable(t)
	r := rand.New(rand.NewPCG(1, 2))
	var rooms []chat.RoomID
	heads := map[chat.RoomID]chat.Seq{}
	for i := range 200 {
		rooms = append(rooms, chat.RoomID(fmt.Sprintf("room-%03d", i)))
	}
	batches := map[chat.RoomID][]finding.Doc{}
	const docs = 60_000
	for i := range docs {
		room := rooms[int(200*r.Float64()*r.Float64())] // some are busier
		heads[room]++
		tokens := append(words(r, 8), fmt.Sprintf("middle%d", r.IntN(500)), fmt.Sprintf("common%d", r.IntN(5)))
		batches[room] = append(batches[room], finding.Doc{Seq: heads[room], At: began.Add(time.Duration(i) * time.Second), Tokens: tokens})
		if len(batches[room]) == 40 || i > docs-4000 {
			x.index(room, batches[room]...)
			delete(batches, room)
		}
	}
	blocks := 0
	for _, room := range rooms {
		x.index(room, batches[room]...)
		blocks += len(x.manifest(room))
	}
	t.Logf("%d blocks", blocks)
	one := func(token string) []ports.SearchTerm { return []ports.SearchTerm{{Token: token}} }
	for _, q := range []struct {
		what                      string
		all                       []ports.SearchTerm
		statements, blocks, times int
	}{
		{"none, the first time", one("nowhere"), 6, blocks / 20, 0},
		{"none", one("neither"), 3, blocks / 20, 0},
		{"middle", one("middle7"), 5, blocks / 4, 75},
		{"common", one("common1"), 4, 150, 15},
		{"common and middle", append(one("common1"), one("middle9")...), 5, blocks / 2, 40},
		{"prefix", []ports.SearchTerm{{Token: "w1", Prefix: true}}, 5, 300, 15},
	} {
		x.spent = spent{}
		n := x.mustFind(ports.FindQuery{Rooms: rooms, All: q.all, Limit: 50})
		t.Logf("%s: %d found, %+v", q.what, n, x.spent)
		if x.spent.statements > q.statements || x.spent.blocks > q.blocks || x.spent.times > q.times {
			t.Errorf("%s: %+v, want %d statements for %d blocks and %d times at most", q.what, x.spent, q.statements, q.blocks, q.times)
		}
	}
}

// Where blocks have no notes, as a node of an earlier release made them, not all hits are dated.
func TestGuardAFrequentWordInOldBlocksIsNotDatedEverywhere(t *testing.T) {
	t.Parallel()
	x := newTable(t)
	x.old = true
	var rooms []chat.RoomID
	for i := range 100 {
		room := chat.RoomID(fmt.Sprintf("room-%03d", i))
		rooms = append(rooms, room)
		var docs []finding.Doc
		for seq := range 500 {
			docs = append(docs, finding.Doc{Seq: chat.Seq(seq + 1), At: began.Add(time.Duration(100*seq+i) * time.Second), Tokens: []string{"tea"}})
		}
		x.index(room, docs...)
	}
	x.spent = spent{}
	if n := x.mustFind(ports.FindQuery{Rooms: rooms, All: []ports.SearchTerm{{Token: "tea"}}, Limit: 50}); n != 50 || x.spent.times > 300 {
		t.Errorf("%d are found, with %+v", n, x.spent)
	}
}
