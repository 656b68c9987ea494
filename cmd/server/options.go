package server

import (
	"log/slog"

	"go.uber.org/fx"
	"go.uber.org/fx/fxevent"

	"github.com/parley-chat/parley/core/messaging"
	"github.com/parley-chat/parley/core/revocation"
	"github.com/parley-chat/parley/core/session"
	"github.com/parley-chat/parley/observability"
	"github.com/parley-chat/parley/ports"
)

// Options is the service as parts that fit together. Start and Run are what to call with it;
// whoever does without them supplies a context.Context, which bounds how long opening the store may
// take.
//
// Each type that a module provides can be replaced by an fx.Decorate outside of these options, and
// all that need it get the replacement: Store or Bus for an adapter of one's own, ports.Log for
// something between the core and its log, and so on.
func Options(cfg Config) fx.Option {
	cfg, err := cfg.complete()
	if err != nil {
		return fx.Error(err)
	}
	return fx.Options(
		fx.Supply(cfg),
		fx.WithLogger(logEvents),
		fx.Module("seen", fx.Provide(
			newTelemetry, newLevels, newLogger, newLife, newObserver, newHealth,
			func(o *observability.Observer) ports.Observer { return o.Port() },
		)),
		fx.Module("store", fx.Provide(
			newStore,
			seenStore,
			newLogWatch,
		)),
		fx.Module("bus", fx.Provide(
			openBus,
			func(b Bus, o *observability.Observer) ports.Bus { return o.Bus(b) },
		)),
		fx.Module("core", fx.Provide(
			newMessaging, newHub,
			func(s *messaging.Service) (ports.Writer, ports.Reader, ports.Rooms, ports.Members, ports.Limiter) {
				return s, s, s, s, s
			},
			func(h *session.Hub) (ports.Sessions, ports.Inspector) { return h, h },
			newGuard, newListener,
			func(g *revocation.Guard) ports.TokenVerifier { return g },
		)),
		fx.Module("edge", fx.Provide(
			newKeys, newPageKey, newVerifier, newEncoder, newSockets, newAPI, newHTTP, newAdmin,
		)),
		fx.Invoke(answerHangups, live), // in this order: parts are made for who asks first
	)
}

// logEvents lets fx tell what it does where somebody looks for it.
func logEvents(log *slog.Logger) fxevent.Logger {
	events := &fxevent.SlogLogger{Logger: log}
	events.UseLogLevel(slog.LevelDebug)
	events.UseErrorLevel(slog.LevelDebug) // what fails is returned to who starts and stops the service
	return events
}
