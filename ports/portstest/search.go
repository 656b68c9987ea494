package portstest

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// SearchUnderTest is a store that messages can be searched in.
type SearchUnderTest interface {
	ports.Log
	ports.Directory
	ports.SearchIndex
}

// SearchIndex tests a store against the contract of ports.SearchIndex. open returns a store for one
// test. It may have other rooms, but no public ones.
func SearchIndex(t *testing.T, open func(t *testing.T) SearchUnderTest) {
	t.Helper()
	for _, sentence := range slices.Concat(findSentences, indexSentences, findOrderSentences) {
		t.Run(sentence.says, func(t *testing.T) {
			t.Parallel()
			sentence.test(seeker{T: t, SearchUnderTest: open(t)})
		})
	}
}

// seekSentence is one promise and the test that tries to break it.
type seekSentence struct {
	says string
	test func(s seeker)
}

// seeker is a store in a test of searches. Its methods fail the test when the store fails.
type seeker struct {
	*testing.T
	SearchUnderTest
}

// makes makes a room.
func (s seeker) makes(public bool) chat.RoomID {
	s.Helper()
	id := someRoom()
	if _, err := s.Create(s.Context(), chat.Room{ID: id, Public: public}, ""); err != nil {
		s.Fatal(err)
	}
	return id
}

// says appends one message to each of these rooms, in one call.
func (s seeker) says(rooms ...chat.RoomID) []ports.FoundMessage {
	s.Helper()
	var proposals []chat.Proposal
	for _, id := range rooms {
		proposals = append(proposals, chat.Proposal{
			Room: id, Author: chat.Author{ID: "alice"}, By: chat.Rights{Admin: true}, Key: chat.NewKey(), Fact: chat.Message{Body: "hi"},
		})
	}
	outcomes, err := s.Append(s.Context(), proposals)
	if err != nil || len(outcomes) != len(rooms) {
		s.Fatalf("append: %d outcomes, %v", len(outcomes), err)
	}
	var said []ports.FoundMessage
	for _, o := range outcomes {
		if o.Status != ports.Appended {
			s.Fatalf("append: %s", showOutcome(o))
		}
		said = append(said, ports.FoundMessage{Room: o.Entry.Room, Seq: o.Entry.Seq, At: o.Entry.At})
	}
	return said
}

// tells appends a message to a room, and indexes it with tokens.
func (s seeker) tells(room chat.RoomID, tokens ...string) ports.FoundMessage {
	s.Helper()
	m := s.says(room)[0]
	s.indexes(docOf(m, tokens...))
	return m
}

func docOf(m ports.FoundMessage, tokens ...string) ports.SearchDoc {
	return ports.SearchDoc{Room: m.Room, Seq: m.Seq, Tokens: tokens}
}

func (s seeker) indexes(docs ...ports.SearchDoc) {
	s.Helper()
	if err := s.Index(s.Context(), docs); err != nil {
		s.Fatalf("index %d documents: %v", len(docs), err)
	}
}

func (s seeker) finds(q ports.FindQuery) []ports.FoundMessage {
	s.Helper()
	q.Limit = cmp.Or(q.Limit, ports.MaxFound)
	found, err := s.Find(s.Context(), q)
	if err != nil {
		s.Fatalf("find %+v: %v", q, err)
	}
	return found
}

// mustFind fails the test unless exactly these are found, in this order.
func (s seeker) mustFind(q ports.FindQuery, want ...ports.FoundMessage) {
	s.Helper()
	if got := s.finds(q); showFound(got) != showFound(want) {
		s.Fatalf("%s finds\n%swant\n%s", showQuery(q), showFound(got), showFound(want))
	}
}

func showQuery(q ports.FindQuery) string { return fmt.Sprintf("all of %v, none of %v", q.All, q.None) }

func showFound(all []ports.FoundMessage) string {
	var b strings.Builder
	for _, m := range all {
		fmt.Fprintf(&b, "%s/%d at %s\n", m.Room, m.Seq, showTime(m.At.UTC()))
	}
	return b.String()
}

// all returns a query for messages of a room that have all of these words. A word that ends in a
// star stands for all words that begin with it.
func (s seeker) all(room chat.RoomID, words ...string) ports.FindQuery {
	return ports.FindQuery{Rooms: []chat.RoomID{room}, All: terms(words...)}
}

func terms(words ...string) (list []ports.SearchTerm) {
	for _, w := range words {
		token, prefix := strings.CutSuffix(w, "*")
		list = append(list, ports.SearchTerm{Token: token, Prefix: prefix})
	}
	return list
}

var findSentences = []seekSentence{
	{"a message is found by each of its tokens, and by no other", func(s seeker) {
		room := s.makes(false)
		m := s.tells(room, "tea", "cup")
		s.mustFind(s.all(room, "tea"), m)
		s.mustFind(s.all(room, "cup"), m)
		for _, other := range []string{"te", "teas", "ea", "pot", "cup tea"} {
			s.mustFind(s.all(room, other))
		}
	}},
	{"all of All must be there, and none of None", func(s seeker) {
		room := s.makes(false)
		a, b := s.tells(room, "tea", "cup"), s.tells(room, "tea", "pot")
		s.mustFind(s.all(room, "tea"), b, a)
		s.mustFind(s.all(room, "tea", "cup"), a)
		s.mustFind(s.all(room, "cup", "pot"))
		not := s.all(room, "tea")
		not.None = terms("cup", "kettle")
		s.mustFind(not, b)
		not.None = terms("cup", "pot")
		s.mustFind(not)
	}},
	{"a prefix stands for all that begin with it, bytewise", func(s seeker) {
		room := s.makes(false)
		a, b := s.tells(room, "teapot", "x"), s.tells(room, "tea")
		c := s.tells(room, "übermut", "東京都")
		s.mustFind(s.all(room, "tea*"), b, a)
		s.mustFind(s.all(room, "teap*"), a)
		s.mustFind(s.all(room, "teapots*"))
		s.mustFind(s.all(room, "über*"), c)
		s.mustFind(s.all(room, "東*"), c)
		s.mustFind(s.all(room, "tea*", "x"), a)
		not := s.all(room, "tea*")
		not.None = terms("teap*")
		s.mustFind(not, b)
	}},
	{"tokens that mean something to databases are tokens", func(s seeker) {
		room := s.makes(false)
		tokens := []string{
			`'`, `"`, `\`, `'a':1`, `a & b`, `!a`, `a:*`, "%", "_", "*", "a*", "AND", "NOT", "NEAR", "(", "^a", "a-b", "f:bob", "{", "--", ";", "null",
			"\x01", "\t", "\u007f", " ", "  ", "-", "+a", "a NEAR b", "$1", "?", "é", "e\u0301", "E", "e", "İ", "ß", "👍🏽", "👩‍👩‍👧", "東京", "\U0001f1e9\U0001f1ea",
			strings.Repeat("x", ports.MaxTokenBytes), strings.Repeat("x", ports.MaxTokenBytes-1),
		}
		var said []ports.FoundMessage
		for _, token := range tokens {
			said = append(said, s.tells(room, token))
		}
		for i, token := range tokens {
			one := ports.FindQuery{Rooms: []chat.RoomID{room}, All: []ports.SearchTerm{{Token: token}}}
			s.mustFind(one, said[i])
			one.All[0].Prefix = true
			var want []ports.FoundMessage
			for j, longer := range slices.Backward(tokens) {
				if strings.HasPrefix(longer, token) {
					want = append(want, said[j])
				}
			}
			s.mustFind(one, want...)
		}
	}},
	{"only the rooms that are asked for are looked at", func(s seeker) {
		a, b, c := s.makes(false), s.makes(true), s.makes(false)
		inA, inB := s.tells(a, "tea"), s.tells(b, "tea")
		s.tells(c, "tea")
		s.mustFind(ports.FindQuery{Rooms: []chat.RoomID{a, b}, All: terms("tea")}, inB, inA)
		s.mustFind(s.all(a, "tea"), inA)
		s.mustFind(s.all(someRoom(), "tea"))
		s.mustFind(ports.FindQuery{All: terms("tea")})
	}},
	{"with Public all rooms are looked at that are public now, but for some", func(s seeker) {
		a, b, c, d := s.makes(false), s.makes(true), s.makes(true), s.makes(false)
		word := string(a)
		inA, inB, inC := s.tells(a, word), s.tells(b, word), s.tells(c, word)
		s.tells(d, word)
		both := ports.FindQuery{Rooms: []chat.RoomID{a}, Public: true, All: terms(word)}
		s.mustFind(both, inC, inB, inA)
		s.mustFind(ports.FindQuery{Public: true, All: terms(word)}, inC, inB)
		s.mustFind(ports.FindQuery{Rooms: []chat.RoomID{b}, Public: true, All: terms(word)}, inC, inB)
		both.But = []chat.RoomID{c, d}
		s.mustFind(both, inB, inA)
		s.changes(b, chat.RoomHidden)
		s.mustFind(both, inA)
		s.changes(d, chat.RoomPublished)
		both.But = nil
		if got := s.finds(both); len(got) != 3 || got[0].Room != d {
			s.Fatalf("found\n%swant one of %s, %s and %s each", showFound(got), d, c, a)
		}
	}},
	{"as many rooms, terms and tokens as there may be", func(s seeker) {
		room := s.makes(false)
		rooms := []chat.RoomID{room}
		for len(rooms) < ports.MaxFindRooms {
			rooms = append(rooms, someRoom())
		}
		var tokens []string
		for i := range ports.MaxDocTokens {
			tokens = append(tokens, fmt.Sprintf("token%d-%s", i, strings.Repeat("x", 40)))
		}
		m := s.tells(room, tokens...)
		q := ports.FindQuery{Rooms: rooms, All: terms(tokens[:ports.MaxFindTerms-1]...), None: terms("pot")}
		s.mustFind(q, m)
		q.None = terms("pot", tokens[len(tokens)-1])
		s.mustFind(q)
	}},
}

// changes appends a change of a room.
func (s seeker) changes(room chat.RoomID, change chat.RoomChange) {
	s.Helper()
	outcomes, err := s.Append(s.Context(), []chat.Proposal{{
		Room: room, Author: chat.Author{ID: "alice"}, By: chat.Rights{Admin: true}, Key: chat.NewKey(), Fact: chat.RoomChanged{Change: change},
	}})
	if err != nil || outcomes[0].Status != ports.Appended {
		s.Fatalf("change a room: %+v, %v", outcomes, err)
	}
}

var indexSentences = []seekSentence{
	{"a document takes the place of the one before", func(s seeker) {
		room := s.makes(false)
		m, other := s.tells(room, "tea", "cup"), s.tells(room, "tea")
		s.indexes(docOf(m, "tea", "pot"))
		s.mustFind(s.all(room, "cup"))
		s.mustFind(s.all(room, "pot"), m)
		s.mustFind(s.all(room, "tea"), other, m)
		s.indexes(docOf(m, "tea", "pot"))
		s.mustFind(s.all(room, "tea"), other, m)
	}},
	{"a document without tokens is found no more, until it has some", func(s seeker) {
		room := s.makes(false)
		m := s.tells(room, "tea")
		s.indexes(docOf(m))
		s.mustFind(s.all(room, "tea"))
		s.indexes(docOf(m))
		s.mustFind(s.all(room, "tea"))
		s.indexes(docOf(m, "tea"))
		s.mustFind(s.all(room, "tea"), m)
	}},
	{"documents of a room that does not exist are passed over", func(s seeker) {
		room, none := s.makes(false), someRoom()
		m := s.says(room)[0]
		s.indexes(ports.SearchDoc{Room: none, Seq: 1, Tokens: []string{"tea"}}, docOf(m, "tea"), ports.SearchDoc{Room: none, Seq: 2})
		s.mustFind(ports.FindQuery{Rooms: []chat.RoomID{room, none}, All: terms("tea")}, m)
	}},
	{"nothing to index is no error", func(s seeker) { s.indexes() }},
	{"as many documents as there may be are one call, of many rooms", func(s seeker) {
		rooms := []chat.RoomID{s.makes(false), s.makes(false), s.makes(false)}
		var in []chat.RoomID
		for i := range ports.MaxIndexed {
			in = append(in, rooms[i%len(rooms)])
		}
		said := s.says(in...)
		var docs []ports.SearchDoc
		for i, m := range said {
			docs = append(docs, docOf(m, "tea", fmt.Sprintf("cup%d", i)))
		}
		rand.Shuffle(len(docs), func(i, j int) { docs[i], docs[j] = docs[j], docs[i] })
		s.indexes(docs...)
		if got := s.finds(ports.FindQuery{Rooms: rooms, All: terms("tea")}); len(got) != ports.MaxFound {
			s.Fatalf("%d are found, want %d", len(got), ports.MaxFound)
		}
		for i := range said {
			s.mustFind(ports.FindQuery{Rooms: rooms, All: terms(fmt.Sprintf("cup%d", i))}, said[i])
		}
	}},
	{"words of many messages are found while more come and some change", func(s seeker) {
		room := s.makes(false)
		said := s.says(slices.Repeat([]chat.RoomID{room}, 640)...)
		word := func(i int) string { return fmt.Sprint("cup", i) }
		for from := 0; from < len(said); from = 3*from/2 + 40 {
			var docs []ports.SearchDoc
			to := min(3*from/2+40, len(said))
			for i := from; i < to; i++ {
				docs = append(docs, docOf(said[i], "tea", word(i), fmt.Sprint("pot", i)))
			}
			s.indexes(docs...)
			for _, i := range []int{0, to / 3, to / 2, to - 1} {
				s.mustFind(s.all(room, word(i)), said[i])
			}
			for i := to; i < to+50; i++ {
				s.mustFind(s.all(room, word(i)))
			}
			s.indexes(docOf(said[to/2], "tea", "kettle"))
			s.mustFind(s.all(room, word(to/2)))
			s.indexes(docOf(said[to/2], "tea", word(to/2)))
			s.mustFind(s.all(room, word(to/2)), said[to/2])
		}
		s.mustFind(s.all(room, "kettle"))
	}},
	{"what is indexed together at the same time, and found meanwhile, is all there in the end", func(s seeker) {
		const writers, each = 4, 20
		room := s.makes(false)
		said := s.says(slices.Repeat([]chat.RoomID{room}, writers*each)...)
		together(s.T, writers+1, func(w int) {
			for i := range each {
				if w == writers {
					for _, m := range s.finds(s.all(room, "tea")) {
						if m.Room != room || !slices.ContainsFunc(said, func(is ports.FoundMessage) bool { return is.Seq == m.Seq }) {
							s.Errorf("%+v is found, which was not said", m)
						}
					}
					continue
				}
				m := said[w*each+i]
				for _, word := range []string{"cup", "tea"} {
					if err := s.Index(s.Context(), []ports.SearchDoc{docOf(m, word)}); err != nil {
						s.Errorf("index %d: %v", m.Seq, err)
					}
				}
			}
		})
		if got := s.finds(s.all(room, "tea")); len(got) != writers*each {
			s.Fatalf("%d are found, want %d", len(got), writers*each)
		}
		s.mustFind(s.all(room, "cup"))
	}},
}

var findOrderSentences = []seekSentence{
	{"the newest come first, then by room and seq, and pages are cut there", func(s seeker) {
		var rooms []chat.RoomID
		for range 4 {
			rooms = append(rooms, s.makes(false))
		}
		var want []ports.FoundMessage
		for i := range 15 {
			said := s.says(rooms[0], rooms[1], rooms[i%4], rooms[i%3], rooms[3]) // several at one time
			for _, m := range said {
				s.indexes(docOf(m, "tea"))
			}
			want = append(want, said...)
		}
		slices.SortFunc(want, func(a, b ports.FoundMessage) int {
			return cmp.Or(b.At.Compare(a.At), cmp.Compare(b.Room, a.Room), cmp.Compare(b.Seq, a.Seq))
		})
		q := ports.FindQuery{Rooms: rooms, All: terms("tea")}
		s.mustFind(q, want...)
		for _, limit := range []int{1, 7, len(want)} {
			q.Limit, q.Before = limit, nil
			var got []ports.FoundMessage
			for {
				page := s.finds(q)
				if len(page) > limit {
					s.Fatalf("a page has %d, want %d at most", len(page), limit)
				}
				if got = append(got, page...); len(page) < limit {
					break
				}
				q.Before = &page[limit-1]
			}
			if showFound(got) != showFound(want) {
				s.Fatalf("pages of %d have\n%swant\n%s", limit, showFound(got), showFound(want))
			}
		}
	}},
	{"a place where no message is any more cuts a page as well", func(s seeker) {
		room := s.makes(false)
		a, gone, c := s.tells(room, "tea"), s.tells(room, "tea"), s.tells(room, "tea")
		s.indexes(docOf(gone))
		q := s.all(room, "tea")
		q.Before = &gone
		s.mustFind(q, a)
		q.Before = &c
		s.mustFind(q, a)
	}},
	{"From is in it and To is not", func(s seeker) {
		room := s.makes(false)
		var said []ports.FoundMessage
		for len(said) < 3 {
			if m := s.tells(room, "tea"); len(said) == 0 || m.At.After(said[len(said)-1].At) {
				said = append(said, m)
			} else {
				s.indexes(docOf(m))
			}
		}
		q := s.all(room, "tea")
		q.From = said[1].At
		s.mustFind(q, said[2], said[1])
		q.To = said[2].At
		s.mustFind(q, said[1])
		q.From = time.Time{}
		s.mustFind(q, said[1], said[0])
		q.From, q.To = said[0].At.Add(time.Microsecond), said[1].At
		s.mustFind(q)
		q.From, q.To = time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC), time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
		s.mustFind(q, said[2], said[1], said[0])
	}},
	{"a call of a context that has ended fails", func(s seeker) {
		room := s.makes(false)
		m := s.tells(room, "tea")
		ctx, cancel := context.WithCancel(s.Context())
		cancel()
		mustFail(s, s.Index(ctx, []ports.SearchDoc{docOf(m)}), chat.Unavailable)
		_, err := s.Find(ctx, ports.FindQuery{Rooms: []chat.RoomID{room}, All: terms("tea"), Limit: 1})
		mustFail(s, err, chat.Unavailable)
		s.mustFind(s.all(room, "tea"), m)
	}},
}
