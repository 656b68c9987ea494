package portstest

import (
	"cmp"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// SearchBench is a store that BenchmarkSearch measures.
type SearchBench struct {
	Store SearchUnderTest
	// Fill makes rooms with these messages, as quickly as it can. They come room by room.
	Fill func(b *testing.B, rooms []chat.RoomID, messages iter.Seq[ports.FoundMessage])
	// Filled says that an earlier run has left the messages and their index in the store.
	Filled bool
	// Bytes returns how many bytes the index has on the disk.
	Bytes func(b *testing.B) int64
}

// searchMessages is the variable with the number of messages that BenchmarkSearch makes.
const searchMessages = "BENCH_MESSAGES"

// The user who searches has every tenth room.
const (
	searchRooms = 2000
	vocabulary  = 300_000
)

// talk makes messages of about twelve tokens, in rooms that are not all equally busy. The words are
// as frequent as in a language: the first one is in a third of the messages.
type talk struct {
	rand         *rand.Rand
	word, inRoom *rand.Zipf
	rooms        []chat.RoomID
	heads        map[chat.RoomID]chat.Seq
	words        []string
}

func newTalk() *talk {
	r := rand.New(rand.NewPCG(1, 2))
	t := &talk{rand: r, word: rand.NewZipf(r, 1.05, 3, vocabulary-1), inRoom: rand.NewZipf(r, 1.02, 300, searchRooms-1), heads: map[chat.RoomID]chat.Seq{}}
	for i := range searchRooms {
		t.rooms = append(t.rooms, chat.RoomID(fmt.Sprintf("room-%05d", i)))
	}
	r.Shuffle(len(t.rooms), func(i, j int) { t.rooms[i], t.rooms[j] = t.rooms[j], t.rooms[i] })
	for i := range vocabulary {
		t.words = append(t.words, fmt.Sprintf("%c%c%s", 'a'+i*7919%26, 'a'+i*104729%25, strconv.FormatInt(int64(i)*2654435761%(1<<(10+i%20))+int64(i)<<20, 36)))
	}
	return t
}

// place returns the place of the next message, at random.
func (t *talk) place() (chat.RoomID, chat.Seq) {
	room := t.rooms[t.inRoom.Uint64()]
	t.heads[room]++
	return room, t.heads[room]
}

func (t *talk) author(room chat.RoomID) string {
	n, _ := strconv.Atoi(string(room[5:]))
	return fmt.Sprintf("f:user-%d", n*7+t.rand.IntN(30))
}

func (t *talk) tokens(room chat.RoomID) []string {
	tokens := []string{t.author(room)}
	for range 11 {
		if word := t.words[t.word.Uint64()]; !slices.Contains(tokens, word) {
			tokens = append(tokens, word)
		}
	}
	return tokens
}

// BenchmarkSearch measures an index of BENCH_MESSAGES messages (100,000 if that is not set). It
// measures searches in the 200 rooms of a user and in one of them, for words of different
// frequency. It also measures how fast documents are indexed, and how fast messages are sent at the
// same time.
func BenchmarkSearch(b *testing.B, s SearchBench) {
	n, err := strconv.Atoi(cmp.Or(os.Getenv(searchMessages), "100000"))
	if err != nil {
		b.Fatal(err)
	}
	t := newTalk()
	if !s.Filled {
		t.fill(b, s, n)
	}
	b.Logf("%d messages: %.1f bytes each in the index", n, float64(s.Bytes(b))/float64(n))
	t.find(b, s)
	t.send(b, s)
}

// fill makes messages, and indexes them.
func (t *talk) fill(b *testing.B, s SearchBench, n int) {
	places := make([]ports.FoundMessage, n)
	for i := range places {
		room, seq := t.place()
		places[i] = ports.FoundMessage{Room: room, Seq: seq, At: time.Date(2026, 1, 1, 0, 0, 3*i, 0, time.UTC)}
	}
	byRoom := func(a, b ports.FoundMessage) int {
		return cmp.Or(cmp.Compare(a.Room, b.Room), cmp.Compare(a.Seq, b.Seq))
	}
	sorted := slices.SortedFunc(slices.Values(places), byRoom)
	s.Fill(b, t.rooms, slices.Values(sorted))
	tail := min(n/10, 50_000)
	slices.SortFunc(places[:n-tail], byRoom)
	t.index(b, s, places[:n-tail], "room by room, 500 at once", 500)
	t.index(b, s, places[n-tail:n-tail/2], "as they come, 500 at once", 500)
	t.index(b, s, places[n-tail/2:], "as they come, 100 at once", 100)
}

// index indexes messages, and logs how fast.
func (t *talk) index(b *testing.B, s SearchBench, places []ports.FoundMessage, how string, size int) {
	var took time.Duration
	for part := range slices.Chunk(places, size) {
		docs := make([]ports.SearchDoc, len(part))
		for i, p := range part {
			docs[i] = ports.SearchDoc{Room: p.Room, Seq: p.Seq, Tokens: t.tokens(p.Room)}
		}
		began := time.Now()
		if err := s.Store.Index(b.Context(), docs); err != nil {
			b.Fatal(err)
		}
		took += time.Since(began)
	}
	b.Logf("indexed %s: %.0f documents/s", how, float64(len(places))/took.Seconds())
}

// find measures searches.
func (t *talk) find(b *testing.B, s SearchBench) {
	var mine []chat.RoomID
	for i := 0; i < searchRooms; i += 10 {
		mine = append(mine, chat.RoomID(fmt.Sprintf("room-%05d", i)))
	}
	word := func(from, n int) func(i int) []ports.SearchTerm {
		return func(i int) []ports.SearchTerm { return []ports.SearchTerm{{Token: t.words[from+i%n]}} }
	}
	and := func(a, b func(i int) []ports.SearchTerm) func(i int) []ports.SearchTerm {
		return func(i int) []ports.SearchTerm { return append(a(i), b(i)...) }
	}
	prefix := func(of func(i int) []ports.SearchTerm, n int) func(i int) []ports.SearchTerm {
		return func(i int) []ports.SearchTerm { return []ports.SearchTerm{{Token: of(i)[0].Token[:n], Prefix: true}} }
	}
	rare, middle, common := word(100_000, 100_000), word(300, 2000), word(0, 10)
	for name, of := range map[string]func(i int) []ports.SearchTerm{
		"rare": rare, "middle": middle, "common": common, "none": func(i int) []ports.SearchTerm { return terms(fmt.Sprint("none", i)) },
		"common-and-rare": and(common, rare), "common-and-middle": and(common, middle),
		"prefix-of-2": prefix(common, 2), "prefix-of-3": prefix(common, 3),
		"author": func(i int) []ports.SearchTerm { return terms(fmt.Sprintf("f:user-%d", i%200*70+i%30)) },
	} {
		for where, rooms := range map[string][]chat.RoomID{"200-rooms": mine, "one-room": nil} {
			b.Run("find="+name+"/in="+where, func(b *testing.B) {
				var took []time.Duration
				found := 0
				for i := 0; b.Loop(); i++ {
					q := ports.FindQuery{Rooms: rooms, All: of(i * 31), Limit: 50}
					if rooms == nil {
						q.Rooms = mine[i%len(mine) : i%len(mine)+1]
					}
					began := time.Now()
					list, err := s.Store.Find(b.Context(), q)
					took = append(took, time.Since(began))
					if err != nil {
						b.Fatal(err)
					}
					found += len(list)
				}
				slices.Sort(took)
				b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
				b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
				b.ReportMetric(float64(found)/float64(len(took)), "hits")
			})
		}
	}
}

// send measures sends, in batches of 16, one batch after the other. First nothing is indexed at the
// same time, then the messages are.
func (t *talk) send(b *testing.B, s SearchBench) {
	for _, indexed := range []bool{false, true} {
		b.Run(fmt.Sprint("send/indexed=", indexed), func(b *testing.B) {
			said := make(chan ports.SearchDoc, 1<<20)
			var done sync.WaitGroup
			if indexed {
				done.Go(func() { t.follow(b, s, said) })
			}
			sent := 0
			for b.Loop() {
				batch := make([]chat.Proposal, 16)
				for i := range batch {
					batch[i] = chat.Proposal{
						Room: t.rooms[t.inRoom.Uint64()], Author: chat.Author{ID: "ann"}, By: chat.Rights{Admin: true}, Key: chat.NewKey(),
						Fact: chat.Message{Body: "Wherever there is life, there is a little chaos, and that is fine."},
					}
				}
				outcomes, err := s.Store.Append(b.Context(), batch)
				if err != nil {
					b.Fatal(err)
				}
				for _, o := range outcomes {
					if o.Status != ports.Appended {
						b.Fatal(showOutcome(o))
					}
					said <- ports.SearchDoc{Room: o.Entry.Room, Seq: o.Entry.Seq, Tokens: t.tokens(o.Entry.Room)}
				}
				sent += len(batch)
			}
			b.ReportMetric(float64(sent)/b.Elapsed().Seconds(), "messages/s")
			b.ReportMetric(float64(len(said))/float64(sent), "behind")
			close(said)
			done.Wait()
		})
	}
}

// follow indexes the messages that were sent. Each batch has those that came during the last one.
func (t *talk) follow(b *testing.B, s SearchBench, said <-chan ports.SearchDoc) {
	for first := range said {
		docs := []ports.SearchDoc{first}
		for len(docs) < ports.MaxIndexed && len(said) > 0 {
			docs = append(docs, <-said)
		}
		if err := s.Store.Index(b.Context(), docs); err != nil {
			b.Error(err)
		}
	}
}
