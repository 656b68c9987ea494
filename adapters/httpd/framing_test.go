package httpd_test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/parley-chat/parley/adapters/httpd"
)

// talk sends raw bytes, closes its half if halfClose, and returns all answers until the server ends
// the connection.
func (s *service) talk(bytes string, halfClose bool) (statuses []int, bodies []string, err error) {
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		return nil, nil, err
	}
	defer c.Close()
	return talkOn(c, bytes, halfClose)
}

func talkOn(c net.Conn, bytes string, halfClose bool) (statuses []int, bodies []string, err error) {
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	var sending sync.WaitGroup
	defer sending.Wait()
	sending.Go(func() {
		_, _ = io.WriteString(c, bytes)
		if half, ok := c.(interface{ CloseWrite() error }); ok && halfClose {
			_ = half.CloseWrite()
		}
	})
	in := bufio.NewReader(c)
	for {
		if _, err := in.Peek(1); err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return statuses, bodies, err
		}
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			return statuses, bodies, err
		}
		text, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil {
			return statuses, bodies, err
		}
		statuses, bodies = append(statuses, res.StatusCode), append(bodies, string(text))
	}
}

// A request whose end a proxy may see elsewhere is the last one of its connection.
func TestConnectionsCloseBehindRequestsThatAreNotFramedWell(t *testing.T) {
	t.Parallel()
	s := serve(t, httpd.Config{}, get("/", hello), func(r fiber.Router) {
		r.Post("/", func(c *fiber.Ctx) error { return c.Send(c.Body()) })
	})
	const next = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
	for name, test := range map[string]struct {
		raw  string
		want string
	}{
		"well framed":                           {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok" + next, "[200 200] [ok hi]"},
		"chunks":                                {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n" + next, "[200 200] [ok hi]"},
		"a length and chunks":                   {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n" + next, "[200] [ok]"},
		"chunks and a length":                   {"POST / HTTP/1.1\r\nHost: a\r\ntransfer-encoding: chunked\r\ncontent-length: 2\r\n\r\n2\r\nok\r\n0\r\n\r\n" + next, "[200] [ok]"},
		"identity and a length":                 {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\nContent-Length: 2\r\n\r\nok" + next, "[200] [ok]"},
		"chunks in HTTP/1.0":                    {"POST / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n" + next, "[200] [ok]"},
		"HTTP/1.0 that keeps alive":             {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" + next, "[200 200] [hi hi]"},
		"HTTP/2.0":                              {"GET / HTTP/2.0\r\nHost: a\r\n\r\n" + next, "[505]"},
		"HTTP/2's preface":                      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "[505]"},
		"HTTP/3.0":                              {"GET / HTTP/3.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n" + next, "[505]"},
		"HTTP/1.2":                              {"GET / HTTP/1.2\r\nHost: a\r\nConnection: keep-alive\r\n\r\n" + next, "[505]"},
		"HTTP/0.9":                              {"GET / HTTP/0.9\r\nHost: a\r\nConnection: keep-alive\r\n\r\n" + next, "[505]"},
		"HTTP/3":                                {"GET / HTTP/3\r\nHost: a\r\n\r\n" + next, "[505]"},
		"HTTP/11":                               {"GET / HTTP/1.10\r\nHost: a\r\n\r\n" + next, "[505]"},
		"another protocol":                      {"GET / RTSP/1.0\r\nHost: a\r\n\r\n" + next, "[400]"},
		"two lengths":                           {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok" + next, "[400]"},
		"a length with a sign":                  {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +2\r\n\r\nok" + next, "[400]"},
		"chunks twice":                          {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + next, "[400]"},
		"another encoding":                      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + next, "[400]"},
		"a space before the colon":              {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 2\r\n\r\nok" + next, "[400]"},
		"a chunk of no size":                    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n" + next, "[400]"},
		"who closes their half hears an answer": {"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "[200 200] [hi hi]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			statuses, bodies, err := s.talk(test.raw, strings.HasPrefix(name, "who closes"))
			got := fmt.Sprint(statuses, " ", bodies)
			if len(statuses) == 1 && statuses[0] >= 400 {
				got = fmt.Sprint(statuses)
				reply{&http.Response{StatusCode: statuses[0], Header: refusalHeaders}, bodies[0]}.isError(t)
			}
			if got != test.want || err != nil {
				t.Errorf("got %s, %v, want %s", got, err, test.want)
			}
		})
	}
	if faults := s.told.all(); faults != "" {
		t.Errorf("told as faults of ours: %s", faults)
	}
}

func TestMethodsThatNobodyHasHeardOf(t *testing.T) {
	t.Parallel()
	s := serve(t, httpd.Config{}, get("/echo", hello), func(r fiber.Router) { r.Post("/echo", hello) })
	for _, method := range []string{"BREW", "get", "PROPFIND", "TRACE", "PUT", "OTHER", "QUERY", strings.Repeat("X", 1000)} {
		got := s.raw(method + " /echo HTTP/1.1\r\nHost: a\r\n\r\n")
		got.refused(t, 405, "bad_request", "this address does not take this method")
		if allow := got.Header.Get("Allow"); allow != "GET, HEAD, POST" {
			t.Errorf("%.20s: Allow: %q", method, allow)
		}
		s.raw(method+" /nothing HTTP/1.1\r\nHost: a\r\n\r\n").refused(t, 404, "not_found", "there is nothing at this address")
	}
	s.raw("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n").isError(t)
	s.raw("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").refused(t, 404, "not_found", "there is nothing at this address")
}

// Browsers and proxies remove such segments from a path, and the result is another address.
func TestNoRouteAnswersAPathThatOthersWouldMend(t *testing.T) {
	t.Parallel()
	all := func(r fiber.Router) {
		for _, path := range []string{"/", "/rooms", "/rooms/:room", "/rooms/:room/messages/:seq", "/rooms/:room/messages/:seq/reactions/:emoji", "/files/*"} {
			r.All(path, hello)
		}
	}
	s := serve(t, httpd.Config{}, all)
	for _, path := range []string{"/", "/rooms", "/rooms/a", "/rooms/a/messages/1", "/rooms/a/messages/1/reactions/...", "/rooms/a%2Fb", "/rooms/.a", "/rooms/%2Ea", "/rooms/..%2f..", "/rooms/%252e%252e%252e", "/files/a/b", "/rooms?x=/../", "/rooms/%zz"} {
		for _, method := range []string{"GET", "DELETE", "PUT"} {
			if got := s.raw(method + " " + path + " HTTP/1.1\r\nHost: a\r\n\r\n"); got.StatusCode != http.StatusOK || got.text != "hi" {
				t.Errorf("%s %s: %d %s", method, path, got.StatusCode, got.text)
			}
		}
	}
	for _, path := range []string{
		"//", "/rooms/", "/rooms//", "//rooms", "/rooms//messages/1", "/rooms/a/", "/rooms/a/messages/1/", "/rooms/a/messages/1//", "/rooms/a/messages/1/reactions/",
		"/rooms/a/messages/1/reactions/.", "/rooms/a/messages/1/reactions/..", "/rooms/a/messages/1/reactions/%2e", "/rooms/a/messages/1/reactions/%2E%2e",
		"/rooms/a/messages/1/reactions/.%2E", "/rooms/a/messages/1/reactions/%252e%252E", "/rooms/a/messages/1/reactions/%25252e.",
		"/rooms/a/messages/1/reactions/%25%32%65", "/rooms/./a", "/rooms/../rooms", "/rooms/%2e%2e/rooms", "/..", "/.", "/%2e%2e", "/files/", "/files/a/", "/files/../rooms",
		"/files//a", "/rooms/?x=1", "http://a//rooms", "http://a/rooms/", "http://a/rooms/..",
	} {
		for _, method := range []string{"GET", "DELETE", "PUT", "OPTIONS", "BREW"} {
			s.raw(method+" "+path+" HTTP/1.1\r\nHost: a\r\n\r\n").refused(t, 404, "not_found", "there is nothing at this address")
		}
		if got := s.raw("HEAD " + path + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"); got.StatusCode != http.StatusNotFound {
			t.Errorf("HEAD %s: %d", path, got.StatusCode)
		}
	}
}

// TestRefusalsReachClientsThatAreStillSending tries it many times, because a reset loses the answer
// only sometimes.
func TestRefusalsReachClientsThatAreStillSending(t *testing.T) {
	t.Parallel()
	cert, key, pool := certificate(t)
	echo := func(r fiber.Router) { r.Post("/", func(c *fiber.Ctx) error { return c.Send(c.Body()) }) }
	plain, secure := serve(t, httpd.Config{}, echo), serve(t, httpd.Config{CertFile: cert, KeyFile: key}, echo)
	dials := map[string]func() (net.Conn, error){
		"TCP": func() (net.Conn, error) { return net.Dial("tcp", plain.addr) },
		"TLS": func() (net.Conn, error) { return tls.Dial("tcp", secure.addr, &tls.Config{RootCAs: pool}) },
	}
	much := strings.Repeat("x", 3<<20)
	for name, dial := range dials {
		for want, raw := range map[int]string{
			431: "POST / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("x", 100<<10) + "\r\n\r\n",
			413: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3145728\r\n\r\n" + much,
			400: "NONSENSE\r\n\r\n" + much,
			505: "GET / HTTP/4.5\r\nHost: a\r\n\r\n" + much,
		} {
			t.Run(fmt.Sprint(name, " ", want), func(t *testing.T) {
				t.Parallel()
				for range 20 {
					c, err := dial()
					if err != nil {
						t.Fatal(err)
					}
					statuses, bodies, err := talkOn(c, raw, false)
					c.Close()
					if fmt.Sprint(statuses) != fmt.Sprint([]int{want}) || err != nil {
						t.Fatalf("got %v %.100s, %v, want %d", statuses, bodies, err, want)
					}
				}
			})
		}
	}
}

// TestWhatClientsDoWrongIsNoFaultOfOurs sends bad requests of many kinds, and checks what an
// operator is told.
func TestWhatClientsDoWrongIsNoFaultOfOurs(t *testing.T) {
	t.Parallel()
	cert, key, _ := certificate(t)
	echo := func(r fiber.Router) { r.Post("/", func(c *fiber.Ctx) error { return c.Send(c.Body()) }) }
	cfg := httpd.Config{ReadTimeout: 200 * time.Millisecond, BodyBytes: 1000}
	plain := serve(t, cfg, echo)
	cfg.CertFile, cfg.KeyFile = cert, key
	secure := serve(t, cfg, echo)
	const post = "POST / HTTP/1.1\r\nHost: a\r\n"
	for _, s := range []*service{plain, secure} {
		var strangers sync.WaitGroup
		for _, sent := range []string{
			"", "G", "GET / HTTP/1.1\r\nHo", "GET / HTTP/1.1\r\nHost: a\r\n", post + "Content-Length: 10\r\n\r\nabc", post + "Transfer-Encoding: chunked\r\n\r\n5\r\nab",
			post + "Content-Length: 10000\r\n\r\nabc", post + "X: " + strings.Repeat("x", 100<<10), "\x16\x03\x01\x02\x00\x01\x00", "\x00\x01\x02", strings.Repeat("\r\n", 1000),
			post + "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n", "GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n", "GET http://[::1/ HTTP/1.1\r\nHost: a\r\n\r\n",
			post + "Content-Length: 2\r\n\r\nokPOST", "GET / HTTP/1.1\r\nHost: \xff\r\n\r\n", "GET /%00 HTTP/1.1\r\nHost: a\x00\r\n\r\n",
		} {
			for _, end := range []func(*net.TCPConn){
				func(c *net.TCPConn) { _ = c.SetLinger(0); _ = c.Close() }, // a reset
				func(c *net.TCPConn) { _ = c.Close() },
				func(c *net.TCPConn) { _ = c.CloseWrite(); _, _ = io.Copy(io.Discard, c); _ = c.Close() },
				func(c *net.TCPConn) { _, _ = io.Copy(io.Discard, c); _ = c.Close() }, // it waits until the server ends it
			} {
				strangers.Go(func() {
					c, err := net.Dial("tcp", s.addr)
					if err != nil {
						t.Error(err)
						return
					}
					_ = c.SetDeadline(time.Now().Add(10 * time.Second))
					_, _ = io.WriteString(c, sent)
					end(c.(*net.TCPConn))
				})
			}
		}
		strangers.Wait()
		if err := s.stop(); err != nil { // after that, all of them have ended
			t.Error(err)
		}
		if faults := s.told.all(); faults != "" {
			t.Errorf("told as faults of ours: %s", faults)
		}
	}
}

// refusalHeaders are for a reply of which only the body is checked.
var refusalHeaders = http.Header{"Content-Type": {"application/json"}}

// isError checks that a reply is an error in the service's JSON.
func (r reply) isError(t *testing.T) {
	t.Helper()
	if r.StatusCode < 400 || !strings.HasPrefix(r.text, `{"error":{"code":"`) || r.Header.Get("Content-Type") != "application/json" {
		t.Errorf("got %d %q", r.StatusCode, r.text)
	}
}
