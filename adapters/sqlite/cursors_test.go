package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/parley-chat/parley/adapters/sqlite"
	"github.com/parley-chat/parley/ports/portstest"
)

func TestCursorsAndLeasesKeepTheirContracts(t *testing.T) {
	t.Parallel()
	portstest.Cursors(t, func(t *testing.T) portstest.CursorsUnderTest {
		s, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(t.TempDir(), "parley.db")})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		return s
	})
}
