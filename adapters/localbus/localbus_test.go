package localbus_test

import (
	"testing"

	"github.com/parley-chat/parley/adapters/localbus"
	"github.com/parley-chat/parley/ports/portstest"
)

func TestBus(t *testing.T) {
	t.Parallel()
	line := localbus.New()
	portstest.Bus(t, func(_ *testing.T, at portstest.BusPlace) (portstest.BusUnderTest, portstest.Link) {
		node := line.Node().Keeps(at.Log, at.Foreign)
		return node, node
	})
}
