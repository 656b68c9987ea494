package httpd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Admin is the listener for operators, on net/http: metrics and inspection of the service must not
// be on the clients' port.
type Admin struct {
	addr   string
	server *http.Server
	ln     net.Listener
}

// NewAdmin returns a listener that serves handler at addr.
func NewAdmin(addr string, handler http.Handler) *Admin {
	return &Admin{addr: addr, server: &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}}
}

// Listen opens the listener.
func (a *Admin) Listen() (err error) {
	if a.ln, err = (&net.ListenConfig{}).Listen(context.Background(), "tcp", a.addr); err != nil {
		return fmt.Errorf("listen for operators: %w", err)
	}
	return nil
}

// Addr returns the listener's address. Listen must have succeeded.
func (a *Admin) Addr() net.Addr { return a.ln.Addr() }

// Run serves until ctx ends.
func (a *Admin) Run(ctx context.Context) error {
	served := make(chan error, 1)
	go func() { served <- a.server.Serve(a.ln) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if err := a.server.Shutdown(ending); err != nil {
		_ = a.server.Close()
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
