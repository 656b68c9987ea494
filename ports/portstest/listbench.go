package portstest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// BenchmarkRoomList measures pages of 50 rooms. The user has as many rooms as a list looks at, with
// ten messages in each, among as many rooms of others. It measures the first page in the order of
// activity, the last page after a tenth of the rooms has moved, and the first page by name. For
// each it reports the median and the 99th percentile.
func BenchmarkRoomList(b *testing.B, store StoreUnderTest) {
	rooms := make([]chat.RoomID, ports.MaxListed)
	var batch []chat.Proposal
	say := func(room chat.RoomID, author chat.UserID) {
		batch = append(batch, chat.Proposal{Room: room, Author: chat.Author{ID: author}, By: chat.Rights{Admin: true}, Key: chat.NewKey(), Fact: chat.Message{Body: "hello, how are you today?"}})
		if len(batch) == 500 {
			appendBatch(b, store, &batch)
		}
	}
	for i := range 2 * len(rooms) {
		room, owner := chat.RoomID(fmt.Sprintf("room-%05d", i)), chat.UserID("reader")
		if i%2 == 1 {
			owner = "other"
		} else {
			rooms[i/2] = room
		}
		if _, err := store.Create(b.Context(), chat.Room{ID: room, Name: fmt.Sprint("Room ", i*7919%10007)}, owner); err != nil {
			b.Fatal(err)
		}
	}
	for n := range 10 {
		for _, room := range rooms {
			say(room, []chat.UserID{"ann", "ben", "reader"}[(n*n)%3])
		}
	}
	appendBatch(b, store, &batch)
	first := ports.OrderQuery{User: "reader", Sort: ports.SortActive, Max: ports.MaxListed, Limit: 51}
	keys, _, err := store.Order(b.Context(), first)
	if err != nil || len(keys) != 51 {
		b.Fatalf("%d rooms, %v", len(keys), err)
	}
	asOf := keys[0].At
	for _, room := range rooms[:len(rooms)/10] {
		say(room, "ann")
	}
	appendBatch(b, store, &batch)
	last := first
	last.AsOf, last.Behind = asOf, &ports.RoomKey{At: keys[0].At.Add(-time.Millisecond), Room: "a"}
	named := first
	named.Sort = ports.SortName
	for name, q := range map[string]ports.OrderQuery{"first": first, "later": last, "named": named} {
		b.Run("page="+name, func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				began := time.Now()
				keys, _, err := store.Order(b.Context(), q)
				if err != nil || len(keys) < 50 {
					b.Fatalf("%d rooms, %v", len(keys), err)
				}
				var page []chat.RoomID
				for _, k := range keys[:50] {
					page = append(page, k.Room)
				}
				if _, err := store.Sights(b.Context(), "reader", page); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(began))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
		})
	}
}

func appendBatch(b *testing.B, store StoreUnderTest, batch *[]chat.Proposal) {
	b.Helper()
	outcomes, err := store.Append(b.Context(), *batch)
	if err != nil {
		b.Fatal(err)
	}
	for _, o := range outcomes {
		if o.Err != nil {
			b.Fatal(o.Err)
		}
	}
	*batch = (*batch)[:0]
}
