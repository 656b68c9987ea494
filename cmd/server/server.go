package server

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strconv"
	"time"

	"go.uber.org/fx"

	"github.com/parley-chat/parley/adapters/httpd"
)

// startTime bounds the start after the store is open. That part only opens ports and waits for
// nothing.
const startTime = 15 * time.Second

// Server is a running service.
type Server struct {
	app   *fx.App
	cfg   Config
	log   *slog.Logger
	life  *life
	http  *httpd.Server
	admin *httpd.Admin
	page  pageKey
}

// Run runs the service until ctx ends, and stops it then as Server.Stop does. If a part fails, Run
// stops the service too and returns the error. The options in more can change the composition; see
// Options.
func Run(ctx context.Context, cfg Config, more ...fx.Option) error {
	s, err := Start(ctx, cfg, more...)
	if err != nil {
		return err
	}
	var failed error
	select {
	case <-ctx.Done():
		s.log.Info("stopping", "drain_delay", s.cfg.DrainDelay, "drain", s.cfg.Drain)
	case failed = <-s.Failed():
	}
	return errors.Join(failed, s.Stop(context.WithoutCancel(ctx)))
}

// Start starts a service and returns when it accepts clients. ctx bounds the wait for a store that
// cannot be reached yet, and is not used after that. The caller must call Stop.
func Start(ctx context.Context, cfg Config, more ...fx.Option) (*Server, error) {
	s := &Server{}
	s.app = fx.New(
		fx.Provide(func() context.Context { return ctx }),
		fx.Populate(&s.life), // first, so that it can close opened parts if others fail
		Options(cfg),
		fx.Options(more...),
		fx.Populate(&s.cfg, &s.log, &s.http, &s.admin, &s.page),
	)
	if err := s.app.Err(); err != nil {
		return nil, errors.Join(plainly(err), s.life.close())
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), startTime)
	defer cancel()
	if err := s.app.Start(ctx); err != nil { // fx has stopped the parts that ran
		return nil, errors.Join(plainly(err), s.life.close())
	}
	for _, u := range s.cfg.Unknown {
		s.log.Warn("this release does not know a setting, and ignores it", "name", u.Name, "problem", u.Problem)
	}
	s.log.Info("the service runs", "http", s.URL(), "admin", s.AdminURL(), "set", s.cfg)
	if s.cfg.InDevelopment() {
		announce(s.cfg.Output, s.cfg, s.PageURL())
	}
	return s, nil
}

// URL returns where clients and the page connect, such as http://127.0.0.1:8080.
func (s *Server) URL() string {
	scheme := "http"
	if s.cfg.TLSCertFile != "" {
		scheme = "https"
	}
	return scheme + "://" + reachable(s.http.Addr())
}

// PageURL returns the address of the page. In development mode it has the key that lets the page
// get tokens: keep it secret.
func (s *Server) PageURL() string {
	if s.page == "" {
		return s.URL() + "/"
	}
	return s.URL() + "/?key=" + string(s.page)
}

// reachable turns an address to listen on into one to connect to.
func reachable(addr net.Addr) string {
	if tcp, ok := addr.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		return net.JoinHostPort("localhost", strconv.Itoa(tcp.Port))
	}
	return addr.String()
}

// AdminURL returns the URL of the admin address.
func (s *Server) AdminURL() string { return "http://" + reachable(s.admin.Addr()) }

// HTTPAddr returns the address that the service listens on; if port 0 was set, it has the real
// port.
func (s *Server) HTTPAddr() net.Addr { return s.http.Addr() }

// Failed receives when a part has failed. Then the service does not work any more, and must be
// stopped.
func (s *Server) Failed() <-chan error { return s.life.failed }

// Stop turns readiness red, waits for Config.DrainDelay, sends clients to other nodes over
// Config.Drain, ends the requests under way, writes what was accepted, and closes the store. It
// takes at most Config.StopTimeout, or until ctx ends. The error names the parts that have not
// stopped by then; they go on.
func (s *Server) Stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.StopTimeout)
	defer cancel()
	err := s.app.Stop(ctx)
	if err != nil {
		s.log.Error("the service did not stop well", "error", err)
		return err
	}
	s.log.Info("stopped")
	return nil
}
