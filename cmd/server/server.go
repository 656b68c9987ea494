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

// startTime bounds the start once the store is open: ports are taken, nothing waits.
const startTime = 15 * time.Second

// Server is a service that runs.
type Server struct {
	app   *fx.App
	cfg   Config
	log   *slog.Logger
	life  *life
	http  *httpd.Server
	admin *httpd.Admin
	page  pageKey
}

// Run runs the service until ctx ends, and stops it then as Server.Stop does. A part that fails
// stops the service too, and its error is returned. With more options the composition is changed;
// see Options.
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

// Start starts a service and returns when it takes clients. ctx bounds how long to wait for a store
// that is not there yet, and is not needed after that. Whoever starts a service stops it.
func Start(ctx context.Context, cfg Config, more ...fx.Option) (*Server, error) {
	s := &Server{}
	s.app = fx.New(
		fx.Provide(func() context.Context { return ctx }),
		fx.Populate(&s.life), // first, so that it can close what some opened where others fail
		Options(cfg),
		fx.Options(more...),
		fx.Populate(&s.cfg, &s.log, &s.http, &s.admin, &s.page),
	)
	if err := s.app.Err(); err != nil {
		return nil, errors.Join(plainly(err), s.life.close())
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), startTime)
	defer cancel()
	if err := s.app.Start(ctx); err != nil { // fx has stopped what ran
		return nil, errors.Join(plainly(err), s.life.close())
	}
	for _, u := range s.cfg.Unknown {
		s.log.Warn("a setting is not known to this release, and does nothing", "name", u.Name, "problem", u.Problem)
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

// PageURL returns where people open the page; in development mode with the key that lets it get
// tokens, so keep it to yourself.
func (s *Server) PageURL() string {
	if s.page == "" {
		return s.URL() + "/"
	}
	return s.URL() + "/?key=" + string(s.page)
}

// reachable is an address to connect to, for one to listen on.
func reachable(addr net.Addr) string {
	if tcp, ok := addr.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		return net.JoinHostPort("localhost", strconv.Itoa(tcp.Port))
	}
	return addr.String()
}

// AdminURL returns where operators look.
func (s *Server) AdminURL() string { return "http://" + reachable(s.admin.Addr()) }

// HTTPAddr returns the address that the service listens on; the port is the real one where port 0
// was asked for.
func (s *Server) HTTPAddr() net.Addr { return s.http.Addr() }

// Failed hears when a part has failed: then the service is of no use, and to be stopped.
func (s *Server) Failed() <-chan error { return s.life.failed }

// Stop turns readiness red, waits for Config.DrainDelay, lets clients go elsewhere for as long as
// Config.Drain says, ends the requests under way, writes what was taken, and closes the store. It
// takes Config.StopTimeout at most, or until ctx ends; what has not stopped by then is told in the
// error and goes on.
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
