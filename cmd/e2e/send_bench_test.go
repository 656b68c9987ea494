package e2e_test

import (
	"fmt"
	"testing"
)

// BenchmarkSend measures a send from the bytes of its frame to those of its ok and its entry, with
// the store in memory and without the socket: one at a time, and 60 that share a commit. An
// operation is one send.
func BenchmarkSend(b *testing.B) {
	for _, together := range []int{1, 60} {
		b.Run(fmt.Sprintf("together=%d", together), func(b *testing.B) {
			w := newWired(b, together)
			b.ReportAllocs()
			b.ResetTimer()
			for done := 0; done < b.N; done += together {
				w.round()
			}
		})
	}
}
