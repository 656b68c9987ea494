package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/parley-chat/parley/adapters/sqlite"
	"github.com/parley-chat/parley/adapters/words"
	"github.com/parley-chat/parley/core/search/searchtest"
)

func TestWhatMayNotBeReadIsFoundByNothing(t *testing.T) {
	t.Parallel()
	s := openStore(t, sqlite.Config{Path: filepath.Join(t.TempDir(), "parley.db")})
	searchtest.Race(t, s, words.Reader{}, 40)
}
