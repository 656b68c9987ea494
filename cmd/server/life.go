package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"syscall"
	"time"

	"go.uber.org/fx"

	"github.com/parley-chat/parley/observability"
)

// telemetryTime is how long a stop waits until the last telemetry is sent.
const telemetryTime = 2 * time.Second

// life watches the running parts of the service. Each has a Run that returns when its context ends,
// and not before.
type life struct {
	log      *slog.Logger
	shutdown fx.Shutdowner
	failed   chan error     // holds the first failure
	closers  []func() error // in the order of opening
}

func newLife(lc fx.Lifecycle, log *slog.Logger, shutdown fx.Shutdowner, t *observability.Telemetry) *life {
	l := &life{log: log, shutdown: shutdown, failed: make(chan error, 1)}
	l.opened(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), telemetryTime)
		defer cancel()
		if err := t.Close(ctx); err != nil {
			log.Warn("the last telemetry was not sent", "error", err)
		}
		return nil // a stop does not fail because a collector is away
	})
	lc.Append(fx.StopHook(l.close)) // the first hook is the last to be called
	return l
}

// answerHangups logs for each SIGHUP that it has no effect, even while a start waits for its store.
func answerHangups(cfg Config, l *life) {
	ended, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-cfg.Hangups:
				l.log.Warn("SIGHUP: nothing is read anew, and the service goes on. Settings, and key and certificate files, are read only at the " +
					"start: restart the service to read them")
			case <-ended:
				return
			}
		}
	}()
	l.opened(func() error { close(ended); <-done; return nil })
}

// opened adds a closer for the end.
func (l *life) opened(closer func() error) { l.closers = append(l.closers, closer) }

// close closes all that was opened, the latest first. A second call does nothing, nor does a call
// if nothing was opened.
func (l *life) close() error {
	if l == nil {
		return nil
	}
	var errs []error
	for _, closer := range slices.Backward(l.closers) {
		errs = append(errs, closer())
	}
	l.closers = nil
	return errors.Join(errs...)
}

// listener is a part that must listen on a port first.
type listener interface {
	Listen() error
	Run(ctx context.Context) error
}

// listen is like keep, for a listener. If the port is in use, the start fails, and the error names
// the setting of the address.
func (l *life) listen(lc fx.Lifecycle, name, setting, addr string, what listener) {
	lc.Append(fx.StartHook(func() error {
		err := what.Listen()
		if refused, ok := errors.AsType[*net.OpError](err); ok {
			return startFailure{fmt.Sprintf("start the %s at %s, as %s says", name, addr, setting), unheard(refused)}
		}
		if err != nil {
			return startFailure{"start the " + name, err}
		}
		return nil
	}))
	l.keep(lc, name, what.Run)
}

// unheard adds advice to the error of an address that cannot be listened on.
func unheard(err *net.OpError) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%w: another program uses it, perhaps another parley; stop that one, or set another address", err)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("%w: this machine has no such address", err)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("%w: ports below 1024 need a special right; set a higher one", err)
	}
	return err
}

// keep runs a part from its turn in the start to its turn in the stop, which waits for it. If the
// part ends before that, the service stops.
func (l *life) keep(lc fx.Lifecycle, name string, run func(context.Context) error) {
	ctx, end := context.WithCancel(context.Background())
	done := make(chan error, 1)
	lc.Append(fx.Hook{
		OnStart: func(context.Context) error {
			go func() { done <- l.run(ctx, name, run) }()
			return nil
		},
		OnStop: func(ctx context.Context) error {
			end()
			select {
			case err := <-done:
				return err
			case <-ctx.Done():
				return fmt.Errorf("%s has not stopped in time", name)
			}
		},
	})
}

// run returns an error of the part's stop. An error before that stops the service.
func (l *life) run(ctx context.Context, name string, run func(context.Context) error) error {
	err := run(ctx)
	switch {
	case ctx.Err() == nil:
		l.fail(name, err)
		return nil
	case err != nil && !errors.Is(err, context.Canceled):
		return fmt.Errorf("stop %s: %w", name, err)
	default:
		return nil
	}
}

func (l *life) fail(name string, err error) {
	if err == nil {
		err = errors.New("ended by itself")
	}
	err = fmt.Errorf("%s: %w", name, err)
	l.log.Error("a part failed; the service stops", "part", name, "error", err)
	select {
	case l.failed <- err:
	default: // the first failure causes the others
	}
	if err := l.shutdown.Shutdown(fx.ExitCode(1)); err != nil {
		l.log.Debug("nobody waits for fx to stop", "error", err) // Server stops it itself
	}
}
