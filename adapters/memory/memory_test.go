package memory_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/parley-chat/parley/adapters/memory"
	"github.com/parley-chat/parley/ports/portstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStoreKeepsItsContracts(t *testing.T) {
	t.Parallel()
	portstest.Store(t, func(*testing.T) portstest.StoreUnderTest { return memory.New() })
}
