package webhook_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/parley-chat/parley/adapters/webhook"
	"github.com/parley-chat/parley/adapters/wire"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}

// courier returns one that may reach this machine, unless the configuration says otherwise.
func courier(t *testing.T, cfg webhook.Config) *webhook.Courier {
	t.Helper()
	if cfg.Allow == nil {
		cfg.Allow = loopback
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 10 * time.Second
	}
	c := webhook.New(cfg)
	t.Cleanup(c.Close)
	return c
}

// endpoint is a server that answers as handle does.
func endpoint(t *testing.T, handle http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(handle)
	t.Cleanup(s.Close)
	return s
}

// trusting is a configuration that takes a server's certificate.
func trusting(s *httptest.Server) *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	return &tls.Config{RootCAs: pool}
}

func parcel(url string) ports.Parcel {
	return ports.Parcel{
		URL: url, ID: "hook.general.1-2.abc", Secrets: [][]byte{[]byte("a secret of 24 bytes, so")}, Body: []byte(`{"type":"entries"}`),
		Read: func(answer []byte) (ports.HookAnswer, error) { return wire.ReadAnswer(answer, "general") },
	}
}

// fails delivers a parcel that does not arrive.
func fails(t *testing.T, c *webhook.Courier, p ports.Parcel, kind chat.Kind, reason string) {
	t.Helper()
	r, err := c.Deliver(t.Context(), p)
	if !errors.Is(err, kind) || chat.AsError(err).Reason != reason {
		t.Errorf("got %+v, %v (%q); want %s, %q", r, err, chat.AsError(err).Reason, kind, reason)
	}
}
