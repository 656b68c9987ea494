package memory_test

import (
	"fmt"
	"testing"

	"github.com/parley-chat/parley/adapters/memory"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// BenchmarkAppend appends messages to one room: one a call, and many.
func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{1, 256} {
		b.Run(fmt.Sprintf("batch=%d", size), func(b *testing.B) {
			store := memory.New()
			if _, err := store.Create(b.Context(), chat.Room{ID: "tea", Public: true}, ""); err != nil {
				b.Fatal(err)
			}
			batch := make([]chat.Proposal, size)
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				for i := range batch {
					batch[i] = chat.Proposal{
						Room: "tea", Author: chat.Author{ID: chat.UserID(fmt.Sprint("user", i%10))}, By: chat.Rights{Everybody: true},
						Key: chat.Key(fmt.Sprint(n, "/", i)), Fact: chat.Message{Body: "hi"},
					}
				}
				outcomes, err := store.Append(b.Context(), batch)
				if err != nil || outcomes[size-1].Status != ports.Appended {
					b.Fatalf("append: %v, %+v", err, outcomes[size-1])
				}
			}
		})
	}
}
