package httpd_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"

	"github.com/parley-chat/parley/adapters/httpd"
	"github.com/parley-chat/parley/ports"
)

// saved is an observer that records what compression saved.
type saved struct {
	ports.Unobserved
	ch chan ports.Compression
}

func (s saved) Compressed(c ports.Compression) { s.ch <- c }

// page is a body of n bytes, as a page has it.
func page(n int) string { return strings.Repeat(`{"type":"message","room":"general"},`, n/36+1)[:n] }

func answering(path, contentType, body string, headers ...string) func(fiber.Router) {
	return func(r fiber.Router) {
		handle := func(c *fiber.Ctx) error {
			c.Set(fiber.HeaderContentType, contentType)
			for i := 0; i < len(headers); i += 2 {
				c.Set(headers[i], headers[i+1])
			}
			return c.SendString(body)
		}
		r.Get(path, handle)
		r.Post(path, handle)
	}
}

func TestPagesAreCompressedForWhoAcceptsIt(t *testing.T) {
	t.Parallel()
	const json = "application/json"
	large := page(20_000)
	routes := []func(fiber.Router){
		answering("/page", json, large), answering("/least", json, page(1024)), answering("/small", json, page(1023)),
		answering("/text", "text/plain; charset=utf-8", large), answering("/image", "image/png", large),
		answering("/tagged", json, large, "ETag", `"7"`), answering("/packed", json, large, "Content-Encoding", "br"),
		answering("/events", "text/event-stream", large),
		get("/absent", func(c *fiber.Ctx) error {
			c.Set(fiber.HeaderContentType, json)
			return c.Status(fiber.StatusNotFound).SendString(large)
		}),
		get("/stream", func(c *fiber.Ctx) error {
			c.Set(fiber.HeaderContentType, json)
			c.Context().SetBodyStream(strings.NewReader(large), len(large))
			return nil
		}),
	}
	o := saved{ch: make(chan ports.Compression, 100)}
	s, off := serve(t, httpd.Config{Observer: o}, routes...), serve(t, httpd.Config{Plain: true}, routes...)
	s.http.Transport.(*http.Transport).DisableCompression = true
	off.http.Transport.(*http.Transport).DisableCompression = true
	for _, row := range []struct {
		method, path, accepts string
		coding                string
		varies                bool
	}{
		{"GET", "/page", "gzip", "gzip", true},
		{"GET", "/page", "deflate, GZIP;q=0.5, br;q=0.4", "gzip", true},
		{"GET", "/page", "x-gzip", "gzip", true},
		{"GET", "/page", "*", "gzip", true},
		{"GET", "/page", "gzip;q=0.5, identity;q=0.5", "gzip", true},
		{"GET", "/page", "gzip ; q=1.0 , *;q=0", "gzip", true},
		{"GET", "/page", "", "", true},
		{"GET", "/page", "deflate, zstd", "", true},
		{"GET", "/page", "br, deflate", "", true},
		{"GET", "/page", "gzip, deflate, br, zstd", "gzip", true},
		{"GET", "/page", "br, gzip;q=0.9", "gzip", true},
		{"GET", "/page", "*, gzip;q=0", "", true},
		{"GET", "/page", "gzip;q=0", "", true},
		{"GET", "/page", "gzip;q=0, br;q=0, *", "", true},
		{"GET", "/page", "gzip;q=0.2, identity", "", true},
		{"GET", "/page", "gzip;q=x", "", true},
		{"GET", "/page", "gzip;q=2", "", true},
		{"GET", "/page", "identity", "", true},
		{"GET", "/least", "gzip", "gzip", true},
		{"GET", "/text", "gzip", "gzip", true},
		{"GET", "/small", "gzip", "", false},
		{"GET", "/image", "gzip", "", false},
		{"GET", "/tagged", "gzip", "", false},
		{"GET", "/events", "gzip", "", false},
		{"GET", "/absent", "gzip", "", false},
		{"GET", "/stream", "gzip", "", false},
		{"POST", "/page", "gzip", "", false},
		{"HEAD", "/page", "gzip", "", false},
	} {
		reply := s.do(row.method, row.path, "", "Accept-Encoding", row.accepts)
		if got := reply.Header.Get("Content-Encoding"); got != row.coding {
			t.Errorf("%s %s, accepting %q: Content-Encoding is %q, want %q", row.method, row.path, row.accepts, got, row.coding)
			continue
		}
		if got := strings.Contains(reply.Header.Get("Vary"), "Accept-Encoding"); got != row.varies {
			t.Errorf("%s %s, accepting %q: Vary is %q", row.method, row.path, row.accepts, reply.Header.Get("Vary"))
		}
		plain := s.do("GET", row.path, "").text
		if row.coding != "" {
			told := <-o.ch
			if told.What != ports.Pages || told.Messages != 1 || told.Plain != len(plain) || told.Packed != len(reply.text) || told.Packed > told.Plain/4 {
				t.Errorf("%s: told of %+v, sent %d bytes for %d", row.path, told, len(reply.text), len(plain))
			}
			if got := unzip(t, reply.text); got != plain {
				t.Errorf("%s: %d bytes came out, want the %d", row.path, len(got), len(plain))
			}
		} else if row.method != "HEAD" && reply.text != plain {
			t.Errorf("%s: the body differs", row.path)
		}
		if reply := off.do(row.method, row.path, "", "Accept-Encoding", row.accepts); reply.Header.Get("Content-Encoding") != "" {
			t.Errorf("%s is compressed though that is off", row.path)
		}
	}
	if reply := s.do("GET", "/packed", "", "Accept-Encoding", "gzip, br"); reply.text != large || reply.Header.Get("Content-Encoding") != "br" {
		t.Error("what was compressed is compressed again")
	}
	if len(o.ch) > 0 {
		t.Errorf("it was told of %d more pages", len(o.ch))
	}
}

func unzip(t *testing.T, text string) string {
	t.Helper()
	r, err := gzip.NewReader(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(plain)
}
