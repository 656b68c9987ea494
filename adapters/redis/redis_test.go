package redis_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/parley-chat/parley/adapters/bustest"
	"github.com/parley-chat/parley/adapters/redis"
	"github.com/parley-chat/parley/ports/portstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open returns a node's place on the bus at a URL.
func open(t testing.TB, url string) *redis.Bus {
	t.Helper()
	b, err := redis.New(redis.Config{URL: url, OnFault: func(err error) { t.Logf("fault: %v", err) }})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBus(t *testing.T) {
	t.Parallel()
	server := bustest.Redis(t)
	portstest.Bus(t, func(t *testing.T) (portstest.BusUnderTest, portstest.Link) {
		cable := portstest.NewCable(t, server.Addr)
		return open(t, "redis://"+cable.Addr()), cable
	})
}
