// Package httpd is the HTTP server of the service, a Fiber app: its limits, its error answers, its
// start and stop. Other packages give it the routes.
package httpd

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/parley-chat/parley/adapters/edge"
	"github.com/parley-chat/parley/ports"
)

// Config is what a Server works with. Addr is needed; the zero values of all others are usable.
type Config struct {
	Addr     string // host:port; port 0 takes a free one
	CertFile string // with KeyFile: use TLS
	KeyFile  string //
	// Proxies whose X-Forwarded-For and X-Forwarded-Prefix are trusted.
	TrustedProxies []netip.Prefix
	// Other web origins that may call, in the form of edge.ParseOrigin.
	Origins  []string
	Observer ports.RequestObserver // may be nil
	Log      *slog.Logger          // for requests, at debug level; nil: none

	ReadTimeout time.Duration // for receiving a request; 0: 10 s
	IdleTimeout time.Duration // between requests of a connection; 0: 75 s
	BodyBytes   int           // max size of a body; 0: 64 KiB
	Plain       bool          // compress no answer

	// Larger returns the max size of a body to a route that takes larger ones, or 0. If it is nil,
	// no route does.
	Larger func(method, path string) int
	// MayLarger returns an error if a request with these headers may not have such a body. It is
	// called before the body is read. If it is nil, every request may.
	MayLarger func(h edge.Headers) error
}

// readBuffer holds the headers of a request: a token of 8 KiB and the rest.
const readBuffer = 16 << 10

func (c Config) withDefaults() Config {
	if c.Observer == nil {
		c.Observer = ports.Unobserved{}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.ReadTimeout <= 0 {
		c.ReadTimeout = 10 * time.Second
	}
	if c.IdleTimeout <= 0 {
		c.IdleTimeout = 75 * time.Second
	}
	if c.BodyBytes <= 0 {
		c.BodyBytes = 64 << 10
	}
	return c
}

// Server is the app and its listener.
type Server struct {
	cfg     Config
	origins edge.Origins
	app     *fiber.App
	ln      net.Listener
}

// New returns a server with routes. It does not listen yet.
func New(cfg Config, routes ...func(fiber.Router)) *Server {
	s := &Server{cfg: cfg.withDefaults(), origins: edge.NewOrigins(cfg.Origins)}
	s.app = fiber.New(fiber.Config{
		DisableStartupMessage: true,
		ErrorHandler:          s.fail,
		ReadTimeout:           s.cfg.ReadTimeout,
		IdleTimeout:           s.cfg.IdleTimeout,
		WriteTimeout:          30 * time.Second,
		ReadBufferSize:        readBuffer,
		BodyLimit:             s.cfg.BodyBytes,
		RequestMethods:        methods,
		CaseSensitive:         true,
		StrictRouting:         true,
		UnescapePath:          false, // an id may contain an escaped slash
	})
	// KeepHijackedConns is not set: with it, the buffer of each connection that is taken would be
	// lost. A connection that Unwrap has given away is not closed without it either.
	server := s.app.Server()
	server.ErrorHandler = s.unread
	server.ExpectHandler = s.expected
	server.HeaderReceived = func(h *fasthttp.RequestHeader) fasthttp.RequestConfig {
		return fasthttp.RequestConfig{MaxRequestBodySize: s.bodyBytes(h)}
	}
	server.Handler = known(server.Handler)
	s.app.Use(s.middleware)
	for _, add := range routes {
		add(s.app)
	}
	return s
}

// bodyBytes returns the max size of the body of a request.
func (s *Server) bodyBytes(h *fasthttp.RequestHeader) int {
	// It is negative if the request does not say it.
	if length := h.ContentLength(); 0 <= length && length <= s.cfg.BodyBytes {
		return s.cfg.BodyBytes
	}
	limit, _ := s.largeBytes(h)
	return limit
}

// largeBytes returns the limit for a body that may be large. If the limit is smaller only because
// the client may not send a larger body, err says why.
func (s *Server) largeBytes(h *fasthttp.RequestHeader) (limit int, err error) {
	if s.cfg.Larger == nil {
		return s.cfg.BodyBytes, nil
	}
	path, _, _ := strings.Cut(string(h.RequestURI()), "?")
	larger := s.cfg.Larger(string(h.Method()), path)
	if larger > s.cfg.BodyBytes && s.cfg.MayLarger != nil {
		err = s.cfg.MayLarger(h)
	}
	if larger <= s.cfg.BodyBytes || err != nil {
		return s.cfg.BodyBytes, err
	}
	return larger, nil
}

// Listen opens the listener. It fails if the port is in use.
func (s *Server) Listen() error {
	ln, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", s.cfg.Addr)
	if err != nil {
		return fmt.Errorf("listen for clients: %w", err)
	}
	ln = newRetryingListener(ln, func(err error) { s.cfg.Observer.Fault(context.Background(), "accept a connection", err) })
	if s.cfg.CertFile != "" {
		certificate, err := tls.LoadX509KeyPair(s.cfg.CertFile, s.cfg.KeyFile)
		if err != nil {
			return errors.Join(fmt.Errorf("load the certificate: %w", err), ln.Close())
		}
		ln = tls.NewListener(ln, &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12})
	}
	s.ln = wrapping{ln}
	return nil
}

// Addr returns the server's address. Listen must have succeeded.
func (s *Server) Addr() net.Addr { return s.ln.Addr() }

// Run serves until ctx ends. Then it waits for the requests under way, for at most ReadTimeout; it
// does not wait for sockets. Listen must have succeeded; Run closes the listener and may be called
// once.
func (s *Server) Run(ctx context.Context) error {
	served := make(chan error, 1)
	go func() { served <- s.app.Listener(s.ln) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve clients: %w", errors.Join(err, errEnded))
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.ReadTimeout)
	defer cancel()
	err := s.app.ShutdownWithContext(ending)
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, net.ErrClosed) {
		err = nil // connections that are silent now are cut off
	}
	_ = s.ln.Close() // an early shutdown does not know the listener yet
	return errors.Join(err, <-served)
}

// errEnded is the error of a listener that ended by itself.
var errEnded = errors.New("the listener has ended")
