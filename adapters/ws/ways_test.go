package ws

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/valyala/fasthttp/fasthttputil"
)

// way is a kind of connection.
type way struct {
	name   string
	option serviceOption // nil: TCP, a goroutine each
	polled bool
}

// tcp returns the ways of plain TCP, which must behave alike.
func tcp() []way {
	ways := []way{{name: "tcp, a goroutine each"}}
	if CanPoll {
		ways = append(ways, way{name: "tcp, polled", option: with(func(c *Config) { c.Polled = true }), polled: true})
	}
	return ways
}

func tcpAndTLS(t *testing.T) []way {
	t.Helper()
	return append(tcp(), way{name: "tls", option: overTLS(t)})
}

func allWays(t *testing.T) []way {
	t.Helper()
	return append(tcpAndTLS(t), way{name: "in memory", option: inMemory()})
}

// each runs a test by each way.
func each(t *testing.T, ways []way, test func(t *testing.T, by serviceOption)) {
	t.Helper()
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			test(t, w.option)
		})
	}
}

// overTLS has the service speak TLS.
func overTLS(t *testing.T) serviceOption {
	return func(s *service, _ *Config) net.Listener {
		certificate := selfSigned(t)
		pool := x509.NewCertPool()
		pool.AddCert(certificate.Leaf)
		s.tls = &tls.Config{RootCAs: pool, ServerName: "chat.example"}
		ln := listen(t)
		s.dial = func() (net.Conn, error) { return tls.Dial("tcp", ln.Addr().String(), s.tls) }
		return tls.NewListener(ln, &tls.Config{Certificates: []tls.Certificate{certificate}})
	}
}

// inMemory has clients connect by pipes.
func inMemory() serviceOption {
	return func(s *service, _ *Config) net.Listener {
		ln := fasthttputil.NewInmemoryListener()
		s.dial = ln.Dial
		return ln
	}
}

func selfSigned(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"chat.example"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}
