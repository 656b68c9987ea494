package nats_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/parley-chat/parley/adapters/bustest"
	"github.com/parley-chat/parley/adapters/freeaddr"
	"github.com/parley-chat/parley/adapters/nats"
	"github.com/parley-chat/parley/core/chat"
)

// node runs a node on the bus at a URL.
func node(t testing.TB, url string) *bustest.Node {
	t.Helper()
	return bustest.Run(t, open(t, url))
}

func TestURLsThatMakeNoSenseAreRefusedWithoutTheirPasswords(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"", "nats://", "http://host", "nats://u:secret@", "nats://host/subject", "nats://a,redis://u:secret@b", "nats://h?color=red",
		"nats://h?tls_key=x", "nats://u:secret@h:port", "nats://h?nkey=/does/not/exist",
		"nats://u:secret@h?tls_ca=/does/not/exist", "nats://u:secret@h?tls_cert=/does/not/exist&tls_key=/does/not/exist",
	} {
		_, err := nats.New(nats.Config{URL: url})
		if err == nil {
			t.Errorf("%q is taken", url)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v tells the password", url, err)
		}
	}
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	server := bustest.NATS(t, "--user", "parley", "--pass", "s3cret")
	a, b := node(t, "nats://parley:s3cret@"+server.Addr).Connected(), node(t, "nats://parley:s3cret@"+server.Addr).Connected()
	b.HearsOf(a)

	wrong := node(t, "nats://parley:wr0ng@"+server.Addr)
	bustest.Eventually(t, "it says why", func() bool {
		err := wrong.Check(t.Context())
		if err == nil || strings.Contains(err.Error(), "wr0ng") {
			t.Fatalf("a wrong password: %v", err)
		}
		return errors.Is(err, chat.Unavailable) && strings.Contains(strings.ToLower(err.Error()), "authorization")
	})
}

func TestTLSWithACertificateOfOnesOwn(t *testing.T) {
	t.Parallel()
	cert, key := bustest.Certificate(t)
	server := bustest.NATS(t, "--tls", "--tlscert", cert, "--tlskey", key)
	a, b := node(t, "tls://"+server.Addr+"?tls_ca="+cert).Connected(), node(t, "tls://"+server.Addr+"?tls_ca="+cert).Connected()
	b.HearsOf(a)

	stranger := node(t, "tls://"+server.Addr)
	bustest.Eventually(t, "it says why", func() bool {
		err := stranger.Check(t.Context())
		return err != nil && strings.Contains(err.Error(), "certificate")
	})
}

func TestAServerThatRestartsIsFoundAgain(t *testing.T) {
	t.Parallel()
	server := bustest.NATS(t)
	server.Restart(t, func() *bustest.Node { return node(t, "nats://"+server.Addr) })
}

func TestAServerThatDoesNotAnswerIsMissed(t *testing.T) {
	t.Parallel()
	server := bustest.NATS(t)
	server.Hang(t, func() *bustest.Node { return node(t, "nats://"+server.Addr) })
}

func TestANodeGoesOverToAnotherServerOfTheCluster(t *testing.T) {
	t.Parallel()
	routes := make([]string, 3)
	for i := range routes {
		routes[i] = "nats://" + freeaddr.Must(t)
	}
	var servers []*bustest.Server
	var urls []string
	for i := range routes {
		s := bustest.NATS(t, "--cluster_name", "test", "--cluster", routes[i], "--routes", strings.Join(routes, ","))
		servers = append(servers, s)
		urls = append(urls, "nats://"+s.Addr)
	}
	a, b := node(t, urls[0]).Connected(), node(t, strings.Join(urls[1:], ",")).Connected()
	b.HearsOf(a)
	servers[1].Stop()
	b.Connected().HearsOf(a)
	servers[0].Stop() // a was told of the others
	b.HearsOf(a.Connected())
}

func TestASmallServerGetsSmallPackets(t *testing.T) {
	t.Parallel()
	server := configured(t, "max_payload: 8192\n")
	a, b := node(t, "nats://"+server.Addr).Connected(), node(t, "nats://"+server.Addr).Connected()
	if err := b.Follow(t.Context(), "den"); err != nil {
		t.Fatal(err)
	}
	var batch []chat.Entry
	for i := range 50 {
		batch = append(batch, bustest.Message("den", chat.Seq(i+1), i*200))
	}
	if err := a.Announce(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	bustest.Eventually(t, "all are heard of", func() bool { return b.Heard("den") == 50 })
}

func TestServicesWithOtherPrefixesDoNotHearEachOther(t *testing.T) {
	t.Parallel()
	server := bustest.NATS(t)
	bustest.Apart(t, func(prefix string) *bustest.Node {
		b, err := nats.New(nats.Config{URL: "nats://" + server.Addr, Prefix: prefix})
		if err != nil {
			t.Fatal(err)
		}
		return bustest.Run(t, b)
	})
}

func BenchmarkAnnounce(b *testing.B) {
	server := bustest.NATS(b)
	bustest.Benchmark(b, func() bustest.Bus {
		fault := func(err error) {
			if strings.Contains(err.Error(), "are lost") {
				b.Error(err) // lost entries cost nothing, and would look fast
			}
		}
		bus, err := nats.New(nats.Config{URL: "nats://" + server.Addr, OnFault: fault})
		if err != nil {
			b.Fatal(err)
		}
		return bus
	})
}
