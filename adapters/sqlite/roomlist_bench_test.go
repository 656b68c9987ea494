package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/parley-chat/parley/adapters/sqlite"
	"github.com/parley-chat/parley/ports/portstest"
)

// BenchmarkRoomList lists the rooms of a user who has as many as are looked at.
func BenchmarkRoomList(b *testing.B) {
	portstest.BenchmarkRoomList(b, openStore(b, sqlite.Config{Path: filepath.Join(b.TempDir(), "parley.db")}))
}
