package search_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/adapters/memory"
	"github.com/parley-chat/parley/adapters/words"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/consuming"
	"github.com/parley-chat/parley/core/search"
	"github.com/parley-chat/parley/core/search/searchtest"
	"github.com/parley-chat/parley/ports"
)

func TestRoomsFromBeforeAreIndexedToo(t *testing.T) {
	t.Parallel()
	w := begin(t)
	w.makes("tea", true)
	w.says("tea", "alice", "green tea")
	edited := w.says("tea", "alice", "black tea")
	deleted := w.says("tea", "alice", "white tea")
	w.does("tea", "alice", chat.Edited{Target: edited, Body: "coffee"})
	w.does("tea", "alice", chat.Deleted{Target: deleted})
	if page := w.finds(user("bob"), ports.Search{Text: "tea", Room: "tea"}); len(page.Hits) != 0 || page.Behind != 5 || page.IndexedSeq != 0 {
		t.Fatalf("before anything is indexed the page is %+v, want 5 behind", page)
	}
	w.runs()
	w.indexed("tea")
	w.mustFind(user("bob"), ports.Search{Text: "tea", Room: "tea"}, "tea/1")
	w.mustFind(user("bob"), ports.Search{Text: "coffee", Room: "tea"}, "tea/2")
	page := w.finds(user("bob"), ports.Search{Text: "GREEN", Room: "tea"})
	if len(page.Hits) != 1 || page.Behind != 0 || page.IndexedSeq != 5 || len(page.Hits[0].Marks) != 1 || page.Hits[0].Marks[0].To != 5 {
		t.Fatalf("the page is %+v, want one hit of 5 characters, and all indexed", page)
	}
}

func TestOwnWritesAreFoundAtLeast(t *testing.T) {
	t.Parallel()
	w := begin(t)
	w.makes("tea", true)
	w.runs()
	for i := range 20 {
		seq := w.says("tea", "alice", fmt.Sprintf("cup number%d", i))
		w.mustFind(user("alice"), ports.Search{Text: fmt.Sprintf("number%d", i), Room: "tea", AtLeast: seq}, fmt.Sprintf("tea/%d", seq))
	}
	w.mustFail(user("alice"), ports.Search{Text: "cup", Room: "tea", AtLeast: 21}, chat.Invalid, "at_least is 21")
	joined := w.does("tea", "alice", chat.MemberChanged{User: "bob", Change: chat.MemberJoined, Role: chat.Read}).Seq
	if page := w.finds(user("alice"), ports.Search{Text: "cup", Room: "tea", AtLeast: joined}); page.IndexedSeq != joined || page.Behind != 0 {
		t.Errorf("with an entry behind that is not indexed, all up to %d is indexed, and %d behind; want %d and 0", page.IndexedSeq, page.Behind, joined)
	}
}

func TestWhoeverAsksFindsWhatTheyMayRead(t *testing.T) {
	t.Parallel()
	w := begin(t)
	w.makes("open", true)
	w.makes("mine", false, "bob")
	w.makes("other", false)
	w.makes("banned", true, "bob")
	w.makes("granted", false)
	w.does("banned", "owner", chat.MemberChanged{User: "bob", Change: chat.MemberBanned})
	rooms := []chat.RoomID{"open", "mine", "other", "banned", "granted"}
	for _, room := range rooms {
		w.says(room, "owner", "tea")
	}
	w.runs()
	w.indexed(rooms...)
	tea := ports.Search{Text: "tea"}
	public := ports.Search{Text: "tea", Public: true}
	w.mustFind(user("bob"), tea, "mine/2")
	w.mustFind(user("bob"), public, "mine/2", "open/1")
	w.mustFind(user("carol"), tea)
	w.mustFind(user("carol"), public, "banned/3", "open/1")
	granted := chat.Identity{User: "carol", Grants: chat.Grants{"granted": chat.Read}}
	w.mustFind(granted, tea, "granted/1")
	w.mustFind(granted, public, "granted/1") // such a token gives nothing in public rooms
	w.mustFind(admin, public, "banned/3", "open/1")
	w.mustFind(admin, ports.Search{Text: "tea", Room: "other"}, "other/1")
	w.mustFail(user("bob"), ports.Search{Text: "tea", Room: "other"}, chat.NotFound, "there is no room other")
	w.mustFail(user("bob"), ports.Search{Text: "tea", Room: "nowhere"}, chat.NotFound, "there is no room nowhere")
	w.mustFail(user("bob"), ports.Search{Text: "tea", Room: "banned"}, chat.Forbidden, "banned")
	w.does("mine", "owner", chat.MemberChanged{User: "bob", Change: chat.MemberLeft})
	w.does("open", "owner", chat.RoomChanged{Change: chat.RoomHidden})
	w.mustFind(user("bob"), public)
}

func TestFilters(t *testing.T) {
	t.Parallel()
	w := begin(t)
	w.makes("tea", true)
	w.says("tea", "alice", "see https://example.com/tea")
	w.says("tea", "bob", "tea")
	w.does("tea", "alice", chat.Reacted{Target: 2, Emoji: "👍"})
	long := chat.UserID(strings.Repeat("é", 128))
	w.says("tea", long, "tea")
	w.says("tea", long[:254], "tea")
	w.runs()
	w.indexed("tea")
	ask := func(change func(*ports.Search)) ports.Search {
		q := ports.Search{Room: "tea"}
		change(&q)
		return q
	}
	by := user("carol")
	w.mustFind(by, ask(func(q *ports.Search) { q.Author = "alice" }), "tea/1")
	w.mustFind(by, ask(func(q *ports.Search) { q.Text, q.Author = "tea", "bob" }), "tea/2")
	w.mustFind(by, ask(func(q *ports.Search) { q.Text, q.Author = "see", "bob" }))
	w.mustFind(by, ask(func(q *ports.Search) { q.Author = long }), "tea/4")
	w.mustFind(by, ask(func(q *ports.Search) { q.Has = ports.HasLink }), "tea/1")
	w.mustFind(by, ask(func(q *ports.Search) { q.Text, q.Author = "-see", "alice" }))
	e, err := w.Entry(t.Context(), "tea", 2)
	if err != nil {
		t.Fatal(err)
	}
	w.mustFind(by, ask(func(q *ports.Search) { q.Text, q.To = "tea", e.At }), "tea/1")
	w.mustFind(by, ask(func(q *ports.Search) { q.Text, q.From = "tea", e.At }), "tea/5", "tea/4", "tea/2")
	for _, h := range w.finds(user("alice"), ask(func(q *ports.Search) { q.Author = "bob" })).Hits {
		if m := h.Entry.Fact.(chat.Message); len(m.Reactions) != 1 || !m.Reactions[0].Me {
			t.Errorf("a hit has the reactions %v, want one of the user's own", m.Reactions)
		}
	}
}

func TestBadSearchesHaveClearErrors(t *testing.T) {
	t.Parallel()
	w := begin(t)
	w.makes("tea", true)
	by := user("bob")
	now := time.Now()
	for _, test := range []struct {
		q      ports.Search
		reason string
	}{
		{ports.Search{}, "q must not be empty"},
		{ports.Search{Text: `"-*`, Author: "bob"}, "q must have a word"},
		{ports.Search{Text: "tea", Has: "file"}, "has must be link"},
		{ports.Search{Text: "tea", From: now, To: now}, "from must be before to"},
		{ports.Search{Text: "tea", Room: "tea", Public: true}, "public does not go with room"},
		{ports.Search{Text: "tea", AtLeast: 1}, "at_least needs a room"},
		{ports.Search{Text: "tea", Limit: 51}, "limit must be 1 to 50"},
		{ports.Search{Text: "tea", Limit: -1}, "limit must be 1 to 50"},
		{ports.Search{Text: "tea", Cursor: "AAAA"}, "cursor must be"},
		{ports.Search{Text: "tea", Cursor: strings.Repeat("A", 10_000)}, "cursor must be"},
	} {
		w.mustFail(by, test.q, chat.Invalid, test.reason)
	}
}

func TestPagesHaveEachHitOnce(t *testing.T) {
	t.Parallel()
	w := begin(t)
	var want []string
	for i := range 3 {
		w.makes(chat.RoomID(fmt.Sprint("room", i)), true, "bob")
	}
	for i := range 60 {
		room := chat.RoomID(fmt.Sprint("room", i%3))
		want = append([]string{fmt.Sprintf("%s/%d", room, w.says(room, "alice", "tea"))}, want...)
	}
	w.runs()
	w.indexed("room0", "room1", "room2")
	q := ports.Search{Text: "tea", Limit: 7}
	var got []string
	for {
		page := w.finds(user("bob"), q)
		for _, h := range page.Hits {
			got = append(got, fmt.Sprintf("%s/%d", h.Entry.Room, h.Entry.Seq))
		}
		if page.Next == "" {
			break
		}
		if q.Cursor = page.Next; len(page.Hits) != 7 {
			t.Fatalf("a page has %d hits, want 7", len(page.Hits))
		}
	}
	if len(got) != 60 || strings.Join(got, " ") != strings.Join(want, " ") {
		t.Fatalf("pages have\n%v\nwant\n%v", got, want)
	}
	w.mustFail(user("alice"), q, chat.Invalid, "cursor must be")
	q.Text = "cup"
	w.mustFail(user("bob"), q, chat.Invalid, "cursor must be")
}

func TestPagesAreCutByBytes(t *testing.T) {
	t.Parallel()
	w := begin(t, func(c *search.Config) { c.AnswerBytes = 16 << 10 })
	w.makes("tea", true)
	for range 10 {
		w.says("tea", "alice", "tea "+strings.Repeat("x", 3900))
	}
	w.runs()
	w.indexed("tea")
	q, hits := ports.Search{Text: "tea", Room: "tea"}, 0
	for pages := 1; ; pages++ {
		page := w.finds(user("bob"), q)
		if hits += len(page.Hits); len(page.Hits) > 3 || len(page.Hits) == 0 {
			t.Fatalf("a page has %d hits, want 1 to 3", len(page.Hits))
		}
		if q.Cursor = page.Next; page.Next == "" {
			break
		}
	}
	if hits != 10 {
		t.Errorf("all pages have %d hits, want 10", hits)
	}
}

// TestNothingIsShownThatTheIndexAloneHas has the index name messages that do not match.
func TestNothingIsShownThatTheIndexAloneHas(t *testing.T) {
	t.Parallel()
	w := begin(t)
	w.makes("tea", true)
	for range 1000 {
		w.says("tea", "alice", "coffee")
	}
	w.does("tea", "alice", chat.Deleted{Target: 7})
	last := w.says("tea", "alice", "tea")
	for first := chat.Seq(1); first <= last; first += 250 {
		var docs []ports.SearchDoc
		for seq := first; seq < min(first+250, last+1); seq++ {
			docs = append(docs, ports.SearchDoc{Room: "tea", Seq: seq, Tokens: []string{"tea"}})
		}
		if err := w.Index(t.Context(), docs); err != nil {
			t.Fatal(err)
		}
	}
	q, hits, pages := ports.Search{Text: "tea", Room: "tea", Limit: 10}, 0, 0
	for more := true; more; more = q.Cursor != "" {
		page := w.finds(user("bob"), q)
		hits += len(page.Hits)
		pages++
		q.Cursor = page.Next
	}
	if hits != 1 || pages < 2 || pages > 5 {
		t.Errorf("%d hits on %d pages, want one on a few", hits, pages)
	}
}

func TestASearchDoesNotFailWhereNobodyKnowsHowFarAllIsIndexed(t *testing.T) {
	t.Parallel()
	w := begin(t) // the runner knows of no indexer
	w.makes("tea", false, "bob")
	if page := w.finds(user("bob"), ports.Search{Text: "tea"}); !page.Indexed.IsZero() || page.Behind != 1 {
		t.Errorf("the page is %+v, want one behind, and no time", page)
	}
}

func TestWhatMayNotBeReadIsFoundByNothing(t *testing.T) {
	t.Parallel()
	searchtest.Race(t, memory.New(), words.Reader{}, 600)
}

// meddledLog has something happen before and after what it reads the first time.
type meddledLog struct {
	ports.Log
	before, after func()
}

func (l *meddledLog) Read(ctx context.Context, room chat.RoomID, span ports.Span) ([]chat.Entry, error) {
	before, after := l.before, l.after
	l.before, l.after = nil, nil
	if before != nil {
		before()
		defer after()
	}
	return l.Log.Read(ctx, room, span)
}

// A search reads a message that says something else while its user may not read the room.
func TestWhatWasSaidWhileAUserWasOutIsNotShown(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		public     bool
		query      ports.Search
		out, again chat.Fact
	}{
		"a member is banned, and back": {
			false,
			ports.Search{Text: "tea", Room: "den"},
			chat.MemberChanged{User: "bob", Change: chat.MemberBanned},
			chat.MemberChanged{User: "bob", Change: chat.MemberJoined, Role: chat.Write},
		},
		"a room is hidden, and public again": {
			true,
			ports.Search{Text: "tea", Public: true},
			chat.RoomChanged{Change: chat.RoomHidden},
			chat.RoomChanged{Change: chat.RoomPublished},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			meddled := &meddledLog{}
			w := begin(t, func(c *search.Config) { meddled.Log, c.Log = c.Log, meddled })
			w.runs()
			w.makes("den", row.public)
			if !row.public {
				w.does("den", "owner", row.again)
			}
			seq := w.says("den", "alice", "green tea")
			w.indexed("den")
			meddled.before = func() {
				w.does("den", "owner", row.out)
				w.does("den", "alice", chat.Edited{Target: seq, Body: "secret tea"})
			}
			meddled.after = func() {
				w.does("den", "alice", chat.Edited{Target: seq, Body: "black tea"})
				w.does("den", "owner", row.again)
			}
			hits := w.finds(user("bob"), row.query).Hits
			if meddled.before != nil {
				t.Fatal("nothing was read")
			}
			if len(hits) != 1 || hits[0].Entry.Fact.(chat.Message).Body != "black tea" {
				t.Errorf("found %+v, want what it says at last", hits)
			}
		})
	}
}

func TestHowFarAllIsIndexed(t *testing.T) {
	t.Parallel()
	oldest := time.Minute
	w := begin(t, func(c *search.Config) {
		c.Behind = func(context.Context, string) (consuming.Behind, error) { return consuming.Behind{Oldest: oldest}, nil }
	})
	w.makes("tea", false, "bob")
	w.says("tea", "alice", "tea")
	page := w.finds(user("bob"), ports.Search{Text: "tea"})
	if age := time.Since(page.Indexed); page.Behind != 2 || age < oldest || age > oldest+time.Minute {
		t.Errorf("%d are behind, and all is indexed up to %s ago; want 2, and %s", page.Behind, age, oldest)
	}
	w.runs()
	w.indexed("tea")
	if page := w.finds(user("bob"), ports.Search{Text: "tea"}); page.Behind != 0 || len(page.Hits) != 1 {
		t.Errorf("the page is %+v, want a hit, and nothing behind", page)
	}
}
