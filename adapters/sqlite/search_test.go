package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/parley-chat/parley/adapters/sqlite"
	"github.com/parley-chat/parley/ports/portstest"
)

func TestSearchIndexKeepsItsContract(t *testing.T) {
	t.Parallel()
	portstest.SearchIndex(t, func(t *testing.T) portstest.SearchUnderTest {
		return openStore(t, sqlite.Config{Path: filepath.Join(t.TempDir(), "parley.db")})
	})
}
