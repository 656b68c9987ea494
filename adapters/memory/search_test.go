package memory_test

import (
	"testing"

	"github.com/parley-chat/parley/adapters/memory"
	"github.com/parley-chat/parley/ports/portstest"
)

func TestSearchKeepsItsContract(t *testing.T) {
	t.Parallel()
	portstest.SearchIndex(t, func(*testing.T) portstest.SearchUnderTest { return memory.New() })
}
