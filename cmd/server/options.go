package server

import (
	"log/slog"

	"go.uber.org/fx"
	"go.uber.org/fx/fxevent"

	"github.com/parley-chat/parley/core/hooks"
	"github.com/parley-chat/parley/core/messaging"
	"github.com/parley-chat/parley/core/people"
	"github.com/parley-chat/parley/core/revocation"
	"github.com/parley-chat/parley/core/session"
	"github.com/parley-chat/parley/core/work"
	"github.com/parley-chat/parley/observability"
	"github.com/parley-chat/parley/ports"
)

// Options returns the parts of the service for fx. Use them through Start and Run; without these
// you must supply a context.Context, which bounds the opening of the store.
//
// Each type that a module provides can be replaced by an fx.Decorate outside of these options. All
// parts that need the type get the replacement: Store or Bus for your own adapter, ports.Log for a
// layer between the core and its log, and so on.
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
			newMessaging, newPeople, newHub,
			func(s *messaging.Service) (ports.Writer, ports.Reader, ports.Rooms, ports.Members, ports.RoomLister, ports.Sets, ports.Limiter) {
				return s, s, s, s, s, s, s
			},
			func(s *people.Service) ports.Profiles { return s },
			func(h *session.Hub) (ports.Sessions, ports.Inspector) { return h, h },
			newSearch, newSearcher, func() *work.Rate { return &work.Rate{} },
			newGuard, newRunner, newCourier, hooks.NewSignals, newHooks, newListener,
			func(s *hooks.Service) (ports.HookAdmin, ports.HookCursors) { return s, s },
			func(g *revocation.Guard, s *people.Service) ports.TokenVerifier { return s.Verifier(g) },
		)),
		fx.Module("edge", fx.Provide(
			newKeys, newPageKey, newVerifier, newEncoder, newSockets, newStreams, newAPI, newHTTP, newAdmin,
		)),
		fx.Invoke(answerHangups, live), // in this order: the first one that needs a part makes it
	)
}

// logEvents writes fx's events to the log, at level debug.
func logEvents(log *slog.Logger) fxevent.Logger {
	events := &fxevent.SlogLogger{Logger: log}
	events.UseLogLevel(slog.LevelDebug)
	events.UseErrorLevel(slog.LevelDebug) // errors are returned by Start and Stop
	return events
}
