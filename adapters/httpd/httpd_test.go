package httpd_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/parley-chat/parley/adapters/httpd"
)

func TestAPortThatIsTakenShowsAtOnce(t *testing.T) {
	t.Parallel()
	s := serve(t, httpd.Config{})
	err := httpd.New(httpd.Config{Addr: s.addr}).Listen()
	if err == nil || !strings.Contains(err.Error(), "listen for clients") {
		t.Errorf("got %v", err)
	}
	if err := httpd.NewAdmin(s.addr, http.NotFoundHandler()).Listen(); err == nil || !strings.Contains(err.Error(), "listen for operators") {
		t.Errorf("got %v", err)
	}
}

// living is a part that a composition starts and stops.
type living interface {
	Listen() error
	Addr() net.Addr
	Run(ctx context.Context) error
}

func TestStartAndStop(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func() living{
		"server": func() living { return httpd.New(httpd.Config{Addr: "127.0.0.1:0"}) },
		"admin":  func() living { return httpd.NewAdmin("127.0.0.1:0", http.NotFoundHandler()) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for range 20 {
				l := open()
				if err := l.Listen(); err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				cancel() // before it starts
				if err := l.Run(ctx); err != nil {
					t.Fatalf("Run: %v", err)
				}
				if conn, err := net.Dial("tcp", l.Addr().String()); err == nil {
					conn.Close()
					t.Fatal("it still listens")
				}
			}
		})
	}
}

func TestRequestsUnderWayEndInPeace(t *testing.T) {
	t.Parallel()
	arrived, goOn := make(chan struct{}), make(chan struct{})
	s := serve(t, httpd.Config{}, get("/slow", func(c *fiber.Ctx) error {
		close(arrived)
		<-goOn
		return c.SendString("done")
	}))
	answer := make(chan reply, 1)
	go func() { answer <- s.do("GET", "/slow", "") }()
	<-arrived
	stopped := make(chan error, 1)
	go func() { stopped <- s.stop() }()
	for { // until the listener is closed
		conn, err := net.Dial("tcp", s.addr)
		if err != nil {
			break
		}
		conn.Close()
	}
	select {
	case err := <-stopped:
		t.Fatalf("it ended (%v) with a request under way", err)
	default:
	}
	close(goOn)
	if got := <-answer; got.text != "done" {
		t.Errorf("got %q, want done", got.text)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestSilentConnectionsDoNotHoldUpTheEnd(t *testing.T) {
	t.Parallel()
	s := serve(t, httpd.Config{ReadTimeout: 500 * time.Millisecond}, get("/", func(c *fiber.Ctx) error { return c.SendString("hi") }))
	silent, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	s.do("GET", "/", "") // its connection stays open too
	began := time.Now()
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	cert, key, pool := certificate(t)
	s := serve(t, httpd.Config{CertFile: cert, KeyFile: key}, get("/", func(c *fiber.Ctx) error { return c.SendString(c.Protocol() + " " + c.IP()) }))
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	defer client.CloseIdleConnections()
	res, err := client.Get("https://" + s.addr + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if text, err := io.ReadAll(res.Body); err != nil || string(text) != "https 127.0.0.1" {
		t.Errorf("got %q, %v", text, err)
	}
	_, err = tls.Dial("tcp", s.addr, &tls.Config{RootCAs: pool, MaxVersion: tls.VersionTLS11})
	if err == nil {
		t.Error("TLS 1.1 is spoken")
	}
	old := httpd.New(httpd.Config{Addr: "127.0.0.1:0", CertFile: key, KeyFile: cert})
	if err := old.Listen(); err == nil || !strings.Contains(err.Error(), "load the certificate") {
		t.Errorf("a certificate that is none: got %v", err)
	}
}

// certificate makes a self-signed certificate for 127.0.0.1.
func certificate(t *testing.T) (certFile, keyFile string, pool *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool = x509.NewCertPool()
	pool.AddCert(parsed)
	return write("cert.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", private), pool
}

func TestAdminServesItsHandler(t *testing.T) {
	t.Parallel()
	admin := httpd.NewAdmin("127.0.0.1:0", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.URL.Path)
	}))
	if err := admin.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- admin.Run(ctx) }()
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	res, err := client.Get("http://" + admin.Addr().String() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if text, err := io.ReadAll(res.Body); err != nil || string(text) != "/metrics" {
		t.Errorf("got %q, %v", text, err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
