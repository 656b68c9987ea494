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
// mistakes it for another word.
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
		what               string
		all                []ports.SearchTerm
		statements, blocks int
	}{
		{"none, the first time", one("nowhere"), 6, blocks / 20},
		{"none", one("neither"), 3, blocks / 20},
		{"middle", one("middle7"), 6, blocks / 4},
		{"common", one("common1"), 6, 150},
		{"common and middle", append(one("common1"), one("middle9")...), 6, blocks / 2},
	} {
		x.spent = spent{}
		n := x.mustFind(ports.FindQuery{Rooms: rooms, All: q.all, Limit: 50})
		t.Logf("%s: %d found, %+v", q.what, n, x.spent)
		if x.spent.statements > q.statements || x.spent.blocks > q.blocks {
			t.Errorf("%s: %+v, want %d statements for %d blocks at most", q.what, x.spent, q.statements, q.blocks)
		}
	}
}
