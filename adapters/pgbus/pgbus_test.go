package pgbus_test

import (
	"net/url"
	"testing"

	"go.uber.org/goleak"

	"github.com/parley-chat/parley/adapters/bus"
	"github.com/parley-chat/parley/adapters/pgbus"
	"github.com/parley-chat/parley/adapters/postgres/pgtest"
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
	b, err := pgbus.New(pgbus.Config{URL: url, Log: at.Log, Foreign: at.Foreign})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBus(t *testing.T) {
	t.Parallel()
	database := pgtest.URL(t)
	server, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	portstest.Bus(t, func(t *testing.T, at portstest.BusPlace) (portstest.BusUnderTest, portstest.Link) {
		cable := portstest.NewCable(t, server.Host)
		own := *server
		own.Host = cable.Addr()
		return openAt(t, own.String(), at), cable
	}, portstest.HeadsOnly())
}
