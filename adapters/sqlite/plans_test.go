package sqlite

import (
	"path/filepath"
	"strings"
	"testing"
)

// Lists and counts read an index from where they begin, and stop when they have enough. Rows that
// they do not want are not in that part of the index, and cost nothing.
func TestPlansOfTheDirectoryGoAlongAnIndex(t *testing.T) {
	t.Parallel()
	store, err := Open(t.Context(), Config{Path: filepath.Join(t.TempDir(), "parley.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	for _, c := range []struct {
		name string
		of   string
		uses map[string]int // parts of the plan, and how often each occurs
	}{
		{"standing", standingOf + ` WHERE r.id = ?2`, map[string]int{
			"entry_turn (room=? AND <expr>>?)": 4, "entry_turn (room=? AND <expr><?)": 1, "entry_turn (room=? AND <expr>>? AND <expr><?)": 2,
		}},
		{"marks of a batch", markedQuery, map[string]int{
			"entry_turn (room=? AND <expr>>?)": 4, "entry_turn (room=? AND <expr><?)": 1, "entry_turn (room=? AND <expr>>? AND <expr><?)": 2,
		}},
		{"rooms of a user", roomsOfQuery, map[string]int{
			"member_by_user (user=? AND id>?)": 1, "mark_by_user (user=? AND id>?)": 1, "spoke_by_user (user=? AND id>?)": 1, "MERGE": 2,
		}},
		{"members of a room", membersQuery, map[string]int{"member_in (room=? AND user>?)": 1}},
		{"whether others moderate a room", moderatedQuery, map[string]int{"member_moderating (room=?)": 1}},
		{"the turns around a message", aroundQuery, map[string]int{
			"entry_turn (room=? AND <expr>>?)": 1, "entry_turn (room=? AND <expr>>? AND <expr><?)": 2,
		}},
		{"the rooms of a batch", roomsQuery(3), map[string]int{"sqlite_autoindex_room_1 (id=?)": 1}},
		{"who is known of a batch", knownQuery(1), map[string]int{
			"SEARCH m USING PRIMARY KEY (room=? AND user=?)": 1, "SEARCH s USING PRIMARY KEY (room=? AND user=?)": 1,
		}},
		{"pins", pinsQuery, map[string]int{"slot_pinned (room=? AND set_by<?)": 1}},
		{"pins that are due", duePinsQuery, map[string]int{"slot_due (due<?)": 1}},
		{"how many pins there are", pinnedQuery, map[string]int{"slot_pinned (room=?)": 1}},
		{"blocks of rooms", manifestsQuery, map[string]int{
			"sqlite_autoindex_room_1 (id=?)": 1, "SEARCH f USING INTEGER PRIMARY KEY (rowid=?)": 1,
		}},
		{"a piece of each block", pieceQuery, map[string]int{"SEARCH p USING INDEX sqlite_autoindex_found_piece_1 (room=? AND block=? AND key<?)": 1}},
		{"some pieces of each block", piecesQuery, map[string]int{
			"SEARCH p USING INDEX sqlite_autoindex_found_piece_1 (room=? AND block=? AND key>? AND key<?)": 1,
			"SEARCH q USING COVERING INDEX sqlite_autoindex_found_piece_1 (room=? AND block=? AND key<?)":  1,
		}},
		{"filters of blocks", filtersQuery, map[string]int{"SEARCH f USING INTEGER PRIMARY KEY (rowid=?)": 1}},
		{"times", timesQuery, map[string]int{"SEARCH e USING INDEX sqlite_autoindex_entry_1 (room=? AND seq=?)": 1}},
		{"who spoke last", speakerQuery, map[string]int{"entry_turn (room=? AND <expr>>?)": 1}},
	} {
		plan := planOf(t, store, c.of)
		for part, want := range c.uses {
			if got := strings.Count(plan, part); got != want {
				t.Errorf("%s uses %s %d times, want %d", c.name, part, got, want)
			}
		}
		searches := 0
		for line := range strings.Lines(plan) {
			if strings.Contains(line, "TEMP B-TREE") || strings.HasPrefix(line, "SCAN") && line != "SCAN CONSTANT ROW\n" && !strings.HasPrefix(line, "SCAN (subquery") && line != "SCAN o\n" && line != "SCAN p\n" && !strings.HasPrefix(line, "SCAN a VIRTUAL TABLE") {
				t.Errorf("%s: %s", c.name, line)
			}
			if strings.Contains(line, "entry_turn") {
				searches++
			}
		}
		for part, n := range c.uses {
			if strings.HasPrefix(part, "entry_turn") {
				searches -= n
			}
		}
		if searches != 0 {
			t.Errorf("%s goes through turns in another way, too", c.name)
		}
		if t.Failed() {
			t.Fatalf("the plan of %s:\n%s", c.name, plan)
		}
	}
}

func planOf(t *testing.T, store *Store, query string) (plan string) {
	t.Helper()
	rows, err := store.reader.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, 1, 2, 3)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		plan += step + "\n"
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return plan
}
