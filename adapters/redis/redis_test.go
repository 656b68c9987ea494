package redis_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/parley-chat/parley/adapters/bus"
	"github.com/parley-chat/parley/adapters/bustest"
	"github.com/parley-chat/parley/adapters/redis"
	"github.com/parley-chat/parley/ports/portstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open returns a bus at a URL.
func open(t testing.TB, url string) *bus.Bus {
	t.Helper()
	return openAt(t, url, portstest.BusPlace{})
}

func openAt(t testing.TB, url string, at portstest.BusPlace) *bus.Bus {
	t.Helper()
	b, err := redis.New(redis.Config{URL: url, Log: at.Log, Foreign: at.Foreign, OnFault: func(err error) { t.Logf("fault: %v", err) }})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBus(t *testing.T) {
	t.Parallel()
	server := bustest.Redis(t)
	portstest.Bus(t, func(t *testing.T, at portstest.BusPlace) (portstest.BusUnderTest, portstest.Link) {
		cable := portstest.NewCable(t, server.Addr)
		return openAt(t, "redis://"+cable.Addr(), at), cable
	})
}
