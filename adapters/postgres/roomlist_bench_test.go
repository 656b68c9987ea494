package postgres_test

import (
	"testing"

	"github.com/parley-chat/parley/adapters/postgres"
	"github.com/parley-chat/parley/adapters/postgres/pgtest"
	"github.com/parley-chat/parley/ports/portstest"
)

// BenchmarkRoomList lists the rooms of a user who has as many as are looked at.
func BenchmarkRoomList(b *testing.B) {
	store, err := postgres.Open(b.Context(), postgres.Config{URL: pgtest.URL(b)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(store.Close)
	portstest.BenchmarkRoomList(b, store)
}
