package postgres_test

import (
	"testing"

	"github.com/parley-chat/parley/adapters/postgres"
	"github.com/parley-chat/parley/adapters/postgres/pgtest"
	"github.com/parley-chat/parley/ports/portstest"
)

func TestSearchIndexKeepsItsContract(t *testing.T) {
	t.Parallel()
	portstest.SearchIndex(t, func(t *testing.T) portstest.SearchUnderTest { return open(t, postgres.Config{URL: pgtest.URL(t)}) })
}
