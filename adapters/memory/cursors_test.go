package memory_test

import (
	"testing"

	"github.com/parley-chat/parley/adapters/memory"
	"github.com/parley-chat/parley/ports/portstest"
)

func TestCursorsAndLeasesKeepTheirContracts(t *testing.T) {
	t.Parallel()
	portstest.Cursors(t, func(*testing.T) portstest.CursorsUnderTest { return memory.New() })
}
