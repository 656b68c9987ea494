// Package e2e_test drives the whole service like its clients: over sockets and HTTP, in the test's
// process and as the real binary.
package e2e_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gojwt "github.com/golang-jwt/jwt/v5"
	"go.uber.org/fx"
	"go.uber.org/goleak"

	"github.com/parley-chat/parley/adapters/postgres/pgtest"
	"github.com/parley-chat/parley/cmd/server"
)

func TestMain(m *testing.M) {
	// These tests wait most of the time, for a service, a browser or a clock. So more of them run
	// at once than there are cores, unless -parallel says otherwise.
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	code := m.Run()
	if binaries != "" {
		os.RemoveAll(binaries)
	}
	if code == 0 {
		if err := goleak.Find(
			goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),    // lives as long as the process
			goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"), // ends with its pause
			goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"),                      // of this test's client
			goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"),
		); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// service is a running service, as its clients see it.
type service struct {
	url, admin string
	sign       func(t testing.TB, user string, claims ...claim) string
	stop       func() // ends it before the test does
	failed     <-chan error
}

// claim is a further claim of a token.
type claim struct {
	name  string
	value any
}

// token makes a token for a user, valid for an hour unless a claim says otherwise.
func (s *service) token(t testing.TB, user string, claims ...claim) string {
	t.Helper()
	return s.sign(t, user, claims...)
}

var roomsMade atomic.Int64

// room returns the id of a room that no other test uses.
func (s *service) room() string { return fmt.Sprintf("room-%d", 1000+roomsMade.Add(1)) }

// start runs the service in this process, on a store, with settings by their environment variables.
func start(t *testing.T, store string, settings map[string]string, more ...fx.Option) *service {
	t.Helper()
	return startFor(t, newIssuer(t), store, settings, more...)
}

// startFor is start for the tokens of an issuer.
func startFor(t *testing.T, issuer *issuer, store string, settings map[string]string, more ...fx.Option) *service {
	t.Helper()
	environ := []string{
		"PARLEY_HTTP_ADDR=127.0.0.1:0", "PARLEY_ADMIN_ADDR=127.0.0.1:0", "PARLEY_STORE_URL=" + store, "PARLEY_DATA_DIR=" + t.TempDir(),
		"PARLEY_JWT_PUBLIC_KEY_FILE=" + issuer.publicFile, "PARLEY_DRAIN=2s", "PARLEY_LOG_LEVEL=error",
		"PARLEY_RATE_LIMIT=off", "PARLEY_SESSIONS_PER_USER=off", "PARLEY_ROOMS_PER_USER=off", "PARLEY_ADDS_PER_USER=off", "PARLEY_SEARCH_RATE_LIMIT=off", "PARLEY_ROOMS_PER_SESSION=2000", // tests are in a hurry
	}
	for name, value := range settings {
		environ = append(environ, name+"="+value) // the last one of a name wins
	}
	var cfg server.Config
	if err := server.NewSettings("serve", &cfg).Load(nil, environ); err != nil {
		t.Fatal(err)
	}
	cfg.Output = io.Discard
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	running, err := server.Start(ctx, cfg, more...)
	if err != nil {
		t.Fatal(err)
	}
	stop := sync.OnceFunc(func() {
		if err := running.Stop(context.Background()); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	t.Cleanup(stop)
	return &service{url: running.URL(), admin: running.AdminURL(), sign: issuer.sign, stop: stop, failed: running.Failed()}
}

// TestProtocol tests the protocol, which is the same on every store.
func TestProtocol(t *testing.T) {
	t.Parallel()
	stores := map[string]func(t *testing.T) string{
		"memory":        func(*testing.T) string { return "memory://" },
		"SQLite":        func(t *testing.T) string { return "sqlite://" + t.TempDir() + "/parley.db" },
		"PostgreSQL":    func(t *testing.T) string { return pgtest.URL(t) },
		"two databases": func(t *testing.T) string { return pgtest.URL(t) + " " + pgtest.URL(t) },
		"distributed":   func(t *testing.T) string { return pgtest.Distributed(partitioned.Copy(t)) },
	}
	for name, url := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, url(t), nil)
			t.Run("socket", func(t *testing.T) { socketSuite(t, s) })
			t.Run("reading", func(t *testing.T) { readingSuite(t, s) })
			t.Run("streams", func(t *testing.T) { streamSuite(t, s) })
			t.Run("HTTP", func(t *testing.T) { httpSuite(t, s) })
			t.Run("back end", func(t *testing.T) { backendSuite(t, s) })
			t.Run("edges", func(t *testing.T) { edgesSuite(t, s) })
		})
	}
}

// partitioned is a database whose tables of rooms are partitioned, as if an engine distributed
// them.
var partitioned = pgtest.NewPattern(func(url string) error {
	migrators, err := server.NewMigrators(server.Config{StoreURL: url})
	if err == nil {
		err = migrators[0].Up(context.Background())
	}
	return errors.Join(err, pgtest.Partition(url))
})

// issuer signs tokens like a product's back end.
type issuer struct {
	key        any
	publicFile string
}

func (i *issuer) sign(t testing.TB, user string, claims ...claim) string {
	t.Helper()
	c := gojwt.MapClaims{"sub": user, "exp": time.Now().Add(time.Hour).Unix()}
	for _, one := range claims {
		c[one.name] = one.value
	}
	token, err := gojwt.NewWithClaims(gojwt.SigningMethodRS256, c).SignedString(i.key)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(token, ".") != 2 {
		t.Fatalf("no token: %q", token)
	}
	return token
}
