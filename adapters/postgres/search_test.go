package postgres_test

import (
	"fmt"
	"testing"

	"github.com/parley-chat/parley/adapters/postgres"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
	"github.com/parley-chat/parley/ports/portstest"
)

func TestSearchIndexKeepsItsContract(t *testing.T) {
	t.Parallel()
	portstest.SearchIndex(t, func(t *testing.T) portstest.SearchUnderTest { return open(t, postgres.Config{URL: migrated.Copy(t)}) })
}

// A node of the release before 00015 goes on writing blocks. It leaves the filters as they are, so
// that these are of blocks that are gone.
func TestANodeWithoutFiltersWritesTheIndexToo(t *testing.T) {
	t.Parallel()
	cfg := postgres.Config{URL: migrated.Copy(t)}
	store, db := open(t, cfg), connect(t, cfg.URL)
	if _, err := store.Create(t.Context(), chat.Room{ID: "tea"}, ""); err != nil {
		t.Fatal(err)
	}
	const messages = 1000
	appendsMany(t, store, "tea", messages)
	index := func(from, to int) {
		t.Helper()
		var docs []ports.SearchDoc
		for seq := from; seq <= to; seq++ {
			docs = append(docs, ports.SearchDoc{Room: "tea", Seq: chat.Seq(seq), Tokens: []string{"tea", fmt.Sprint("cup", seq)}})
		}
		if err := store.Index(t.Context(), docs); err != nil {
			t.Fatal(err)
		}
	}
	mustFind := func(to int) {
		t.Helper()
		for _, seq := range []int{1, to / 3, to / 2, to} {
			q := ports.FindQuery{Rooms: []chat.RoomID{"tea"}, All: []ports.SearchTerm{{Token: fmt.Sprint("cup", seq)}}, Limit: 2}
			if list, err := store.Find(t.Context(), q); err != nil || len(list) != 1 || list[0].Seq != chat.Seq(seq) {
				t.Fatalf("for %d of %d there is %v, %v", seq, to, list, err)
			}
		}
	}
	number := func(sql string) (n int) {
		t.Helper()
		if err := db.QueryRow(t.Context(), sql).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	index(1, 400)
	mustFind(400)
	exec(t, db, `CREATE TABLE left_as_it_was AS SELECT * FROM found_filter`)
	exec(t, db, `ALTER TABLE found ADD COLUMN filters_before bytea`)
	exec(t, db, `UPDATE found SET filters_before = filters`)
	index(401, 800)
	exec(t, db, `UPDATE found SET filters = filters_before`)
	exec(t, db, `DELETE FROM found_filter`)
	exec(t, db, `INSERT INTO found_filter SELECT * FROM left_as_it_was`)
	mustFind(800)
	index(801, 900)
	mustFind(900)
	index(901, messages)
	mustFind(messages)
	if blocks, filters := number(`SELECT count(DISTINCT block) FROM found_piece`), number(`SELECT count(*) FROM found_filter f WHERE EXISTS (SELECT FROM found_piece p WHERE p.block = f.block)`); filters == 0 {
		t.Errorf("of %d blocks none has a filter", blocks)
	}
}
