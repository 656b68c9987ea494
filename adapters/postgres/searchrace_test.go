package postgres_test

import (
	"testing"

	"github.com/parley-chat/parley/adapters/postgres"
	"github.com/parley-chat/parley/adapters/words"
	"github.com/parley-chat/parley/core/search/searchtest"
)

func TestWhatMayNotBeReadIsFoundByNothing(t *testing.T) {
	t.Parallel()
	searchtest.Race(t, open(t, postgres.Config{URL: migrated.Copy(t)}), words.Reader{}, 40)
}
