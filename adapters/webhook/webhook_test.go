package webhook_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/parley-chat/parley/adapters/webhook"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

func TestAParcelIsOneOfStandardWebhooks(t *testing.T) {
	t.Parallel()
	p := parcel("")
	p.Secrets = append(p.Secrets, []byte("the secret before that, 24"))
	bad := []byte("a secret of somebody else")
	s := endpoint(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Method != http.MethodPost || r.URL.RequestURI() != "/in?a=b" || !bytes.Equal(body, p.Body) {
			t.Errorf("got %s %s %s", r.Method, r.URL, body)
		}
		for name, want := range map[string]string{"Content-Type": "application/json", "User-Agent": "Parley", "Webhook-Id": p.ID, "Accept-Encoding": ""} {
			if got := r.Header.Get(name); got != want {
				t.Errorf("%s: got %q, want %q", name, got, want)
			}
		}
		for i, secret := range append(p.Secrets, bad) {
			verifier, err := standard.NewWebhookRaw(secret)
			if err != nil {
				t.Error(err)
				continue
			}
			if err := verifier.Verify(body, r.Header); (err == nil) != (i < len(p.Secrets)) {
				t.Errorf("with secret %d the library says %v", i, err)
			}
		}
	})
	p.URL = s.URL + "/in?a=b"
	if r, err := courier(t, webhook.Config{}).Deliver(t.Context(), p); err != nil || r.Status != 200 || r.Answer.Ack != nil || r.Answer.Do != nil {
		t.Errorf("got %+v, %v", r, err)
	}
}

// TestConnectionsAreUsedAgain delivers to an endpoint from many rooms at once, several times.
func TestConnectionsAreUsedAgain(t *testing.T) {
	t.Parallel()
	const rooms, rounds = 32, 3
	var opened atomic.Int64
	var here sync.WaitGroup // so that each delivery of a round needs a connection of its own
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		here.Done()
		here.Wait()
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	c := courier(t, webhook.Config{})
	for range rounds {
		var round sync.WaitGroup
		here.Add(rooms)
		for range rooms {
			round.Go(func() {
				if _, err := c.Deliver(t.Context(), parcel(s.URL)); err != nil {
					t.Error(err)
				}
			})
		}
		round.Wait()
	}
	if n := opened.Load(); n != rooms {
		t.Errorf("%d connections were opened", n)
	}
}

func TestATraceGoesAlong(t *testing.T) {
	t.Parallel()
	const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	got := make(chan string, 1)
	s := endpoint(t, func(_ http.ResponseWriter, r *http.Request) { got <- r.Header.Get("traceparent") })
	if _, err := courier(t, webhook.Config{}).Deliver(ports.WithTrace(t.Context(), trace), parcel(s.URL)); err != nil {
		t.Fatal(err)
	}
	if sent := <-got; sent != trace {
		t.Errorf("got %q", sent)
	}
}

func TestWhatAnEndpointAnswers(t *testing.T) {
	t.Parallel()
	seq := chat.Seq(7)
	for name, test := range map[string]struct {
		status int
		header string // Retry-After
		body   string
		want   ports.HookReceipt
	}{
		"OK as text":             {200, "", "OK", ports.HookReceipt{Status: 200}},
		"nothing":                {204, "", "", ports.HookReceipt{Status: 204}},
		"a page without end":     {200, "", "<html>" + strings.Repeat("x", 1<<20), ports.HookReceipt{Status: 200}},
		"how far it got":         {202, "", `{"ack":7}`, ports.HookReceipt{Status: 202, Answer: ports.HookAnswer{Ack: &seq}}},
		"a fault":                {500, "", `{"ack":7}`, ports.HookReceipt{Status: 500}},
		"gone":                   {410, "", "", ports.HookReceipt{Status: 410}},
		"a redirect":             {302, "", "", ports.HookReceipt{Status: 302}},
		"later, in seconds":      {429, "120", "", ports.HookReceipt{Status: 429, RetryAfter: 2 * time.Minute}},
		"later, and it is past":  {503, "Sun, 06 Nov 1994 08:49:37 GMT", "", ports.HookReceipt{Status: 503}},
		"later, in no way":       {429, "soon", "", ports.HookReceipt{Status: 429}},
		"later, in ages":         {429, "99999999999999999999", "", ports.HookReceipt{Status: 429}},
		"later, before the call": {429, "-5", "", ports.HookReceipt{Status: 429}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := endpoint(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/" {
					t.Errorf("a redirect was followed to %s", r.URL)
				}
				w.Header().Set("Location", "/elsewhere")
				w.Header().Set("Retry-After", test.header)
				w.WriteHeader(test.status)
				_, _ = io.WriteString(w, test.body)
			})
			if got, err := courier(t, webhook.Config{}).Deliver(t.Context(), parcel(s.URL+"/")); err != nil || !reflect.DeepEqual(got, test.want) { //nolint:govet // none of them has an error
				t.Errorf("got %+v, %v; want %+v", got, err, test.want)
			}
		})
	}
	t.Run("later, at a time", func(t *testing.T) {
		t.Parallel()
		s := endpoint(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", time.Now().Add(10*time.Minute).UTC().Format(http.TimeFormat))
			w.WriteHeader(http.StatusServiceUnavailable)
		})
		got, err := courier(t, webhook.Config{}).Deliver(t.Context(), parcel(s.URL))
		if err != nil || got.RetryAfter < 8*time.Minute || got.RetryAfter > 10*time.Minute {
			t.Errorf("got %+v, %v", got, err)
		}
	})
}

func TestAnAnswerThatCannotBeReadIsNone(t *testing.T) {
	t.Parallel()
	for body, why := range map[string]string{
		`{"ack":"7"}`: "the answer cannot be read: ack must be a number",
		`{"ack":-1}`:  fmt.Sprintf("the answer cannot be read: ack must be a whole number from 0 to %d", chat.MaxSeq),
		`{"do":{}}`:   "the answer cannot be read: do must be an array",
		`{"do":[` + strings.Repeat("{},", 30) + `{}]}`: "the answer cannot be read: do has 31 commands, and may have 20 at most: " +
			"none of them is done; to do more, take a part of the entries by ack",
		`{"ack":7`: "the answer cannot be read: the answer must be one JSON object",
		`{"a":"` + strings.Repeat("x", 64<<10) + `"}`: "the answer has more than 65536 bytes",
	} {
		s := endpoint(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) })
		fails(t, courier(t, webhook.Config{}), parcel(s.URL), chat.Unavailable, why)
	}
}

func TestAPieceOfAnyAnswerIsShown(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		status int
		body   string
		want   string
	}{
		"a short one":                 {200, "fine", "fine"},
		"a long one":                  {200, strings.Repeat("x", 100<<10), "xxxxxxxx"},
		"of a fault":                  {500, "no such table", "no such "},
		"of one that cannot be read":  {200, `{"ack":"7"}`, `{"ack":"`},
		"of a refusal without a body": {404, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := endpoint(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(test.status)
				_, _ = io.WriteString(w, test.body)
			})
			p := parcel(s.URL)
			p.Piece = 8
			if got, _ := courier(t, webhook.Config{}).Deliver(t.Context(), p); got.Status != test.status || got.Piece != test.want {
				t.Errorf("got %d, %q", got.Status, got.Piece)
			}
		})
	}
	t.Run("of a fault that drips", func(t *testing.T) {
		t.Parallel()
		s := endpoint(t, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
			drips(w, r)
		})
		p := parcel(s.URL)
		p.Piece = 8
		got, err := courier(t, webhook.Config{}).Deliver(t.Context(), p)
		if err != nil || got.Status != 500 || got.Piece != strings.Repeat(" ", 8) {
			t.Errorf("got %+v, %v", got, err)
		}
	})
}

// TestAnEndpointThatMisbehavesEnds has endpoints that would hold a courier up for good.
func TestAnEndpointThatMisbehavesEnds(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		handle http.HandlerFunc
		why    string
	}{
		"it never answers": {func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // only then is it seen that the courier hangs up
			<-r.Context().Done()
		}, "there was no answer in time"},
		"its body drips":       {drips, "there was no answer in time"},
		"its headers are huge": {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("x", 64<<10)) }, "the headers of the answer are too large"},
		"it hangs up":          {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "the connection broke"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := endpoint(t, test.handle)
			cfg := webhook.Config{}
			if strings.HasSuffix(test.why, "in time") {
				cfg.Timeout = 300 * time.Millisecond
			}
			began := time.Now()
			fails(t, courier(t, cfg), parcel(s.URL), chat.Unavailable, test.why)
			if took := time.Since(began); took > 8*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
	t.Run("its body has no end", func(t *testing.T) {
		t.Parallel()
		s := endpoint(t, func(w http.ResponseWriter, _ *http.Request) {
			for piece := strings.Repeat(" ", 4096); ; {
				if _, err := io.WriteString(w, piece); err != nil {
					return
				}
			}
		})
		if r, err := courier(t, webhook.Config{}).Deliver(t.Context(), parcel(s.URL)); err != nil || r.Status != 200 {
			t.Errorf("got %+v, %v", r, err)
		}
	})
}

// drips answers a byte at a time until nobody listens.
func drips(w http.ResponseWriter, r *http.Request) {
	for r.Context().Err() == nil {
		if _, err := io.WriteString(w, " "); err != nil {
			return
		}
		w.(http.Flusher).Flush()
		select {
		case <-r.Context().Done():
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// raw is an endpoint that speaks no HTTP of its own accord.
func raw(t *testing.T, handle func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			handle(conn)
			conn.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().String()
}

func TestAConnectionThatBreaks(t *testing.T) {
	t.Parallel()
	c := courier(t, webhook.Config{})
	reset := raw(t, func(conn net.Conn) {
		_, _ = bufio.NewReader(conn).ReadString('\n')
		_ = conn.(*net.TCPConn).SetLinger(0)
	})
	fails(t, c, parcel("http://"+reset), chat.Unavailable, "the connection broke")
	plain := raw(t, func(conn net.Conn) {
		_, _ = conn.Read(make([]byte, 4096))
		_, _ = io.WriteString(conn, "HTTP/1.1 400 no\r\n\r\n")
	})
	fails(t, c, parcel("https://"+plain), chat.Unavailable, "the TLS handshake failed")
	cut := raw(t, func(conn net.Conn) {
		_, _ = bufio.NewReader(conn).ReadString('\n')
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"ack\":")
	})
	fails(t, c, parcel("http://"+cut), chat.Unavailable, "the connection broke")
	gone := raw(t, func(net.Conn) {})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	fails(t, c, parcel("http://"+l.Addr().String()), chat.Unavailable, "the connection was refused")
	fails(t, c, parcel("http://"+gone), chat.Unavailable, "the connection broke")
	fails(t, c, parcel("https://there-is-none.invalid/"), chat.Unavailable, "the name of the host cannot be resolved")
}

func TestACertificateMustBeGood(t *testing.T) {
	t.Parallel()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that are to fail
	s.StartTLS()
	t.Cleanup(s.Close)
	if r, err := courier(t, webhook.Config{TLS: trusting(s)}).Deliver(t.Context(), parcel(s.URL)); err != nil || r.Status != 200 {
		t.Errorf("a good one: %+v, %v", r, err)
	}
	_, err := courier(t, webhook.Config{}).Deliver(t.Context(), parcel(s.URL))
	if reason := chat.AsError(err).Reason; !strings.HasPrefix(reason, "its certificate is not good: x509: ") {
		t.Errorf("of nobody: %q", reason)
	}
	old := httptest.NewUnstartedServer(nil)
	old.Config.ErrorLog = s.Config.ErrorLog
	old.TLS = &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}
	old.StartTLS()
	t.Cleanup(old.Close)
	fails(t, courier(t, webhook.Config{TLS: trusting(old)}), parcel(old.URL), chat.Unavailable, "the TLS handshake failed")
}
