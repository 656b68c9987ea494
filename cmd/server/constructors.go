package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"
	"go.uber.org/fx"

	"github.com/parley-chat/parley/adapters/httpd"
	"github.com/parley-chat/parley/adapters/jwt"
	"github.com/parley-chat/parley/adapters/localbus"
	"github.com/parley-chat/parley/adapters/rest"
	"github.com/parley-chat/parley/adapters/shards"
	"github.com/parley-chat/parley/adapters/sse"
	"github.com/parley-chat/parley/adapters/web"
	"github.com/parley-chat/parley/adapters/wire"
	"github.com/parley-chat/parley/adapters/ws"
	"github.com/parley-chat/parley/core/consuming"
	"github.com/parley-chat/parley/core/hooks"
	"github.com/parley-chat/parley/core/logwatch"
	"github.com/parley-chat/parley/core/messaging"
	"github.com/parley-chat/parley/core/people"
	"github.com/parley-chat/parley/core/revocation"
	"github.com/parley-chat/parley/core/search"
	"github.com/parley-chat/parley/core/session"
	"github.com/parley-chat/parley/core/work"
	"github.com/parley-chat/parley/observability"
	"github.com/parley-chat/parley/ports"
)

// This file makes the parts of Options from the settings.

func newTelemetry(ctx context.Context, cfg Config) (*observability.Telemetry, error) {
	lines := observability.NewLogger(cfg.Output, cfg.LogFormat, slog.LevelWarn, nil)
	t, err := observability.StartTelemetry(ctx, observability.ReadBuild(cfg.Version), lines)
	if err != nil {
		return nil, startFailure{"start telemetry", err}
	}
	return t, nil
}

func newLogger(cfg Config, l *levels, t *observability.Telemetry) *slog.Logger {
	return observability.NewLogger(cfg.Output, cfg.LogFormat, l, t.Logs())
}

func newObserver(cfg Config, log *slog.Logger, t *observability.Telemetry, l *life) *observability.Observer {
	options := []observability.Option{observability.WithTraces(t.Traces())}
	if cfg.NoMetrics {
		options = append(options, observability.WithoutMetrics())
	}
	o := observability.NewObserver(log, observability.ReadBuild(cfg.Version), options...)
	l.opened(func() error { o.Flush(); return nil })
	return o
}

func newHealth(cfg Config, s Store, b Bus, v Verifier, log *slog.Logger, o *observability.Observer) *observability.Health {
	parts := []observability.Part{{Name: "store", Checker: o.Store(s)}, {Name: "bus", Checker: b, Spare: true}}
	if several, ok := s.(*shards.Store); ok {
		for i, server := range several.Servers() { // one that is away takes only its own rooms away
			parts = append(parts, observability.Part{Name: fmt.Sprint("store-", i+1), Checker: server, Spare: true})
		}
	}
	if tokens, ok := v.(*jwt.Verifier); ok && tokens.Published() != nil {
		parts = append(parts, observability.Part{Name: "keys", Checker: tokens.Published()})
	}
	h := observability.NewHealth(observability.HealthConfig{Parts: parts, Grace: cfg.ReadyGrace, Log: log})
	o.Health(h)
	return h
}

func newStore(ctx context.Context, cfg Config, l *life, t *observability.Telemetry) (Store, error) {
	s, closer, err := openStore(ctx, cfg, l.log, t)
	if err != nil {
		return nil, startFailure{"open the store " + observability.MaskURL(cfg.StoreURL), err}
	}
	l.opened(closer)
	return s, nil
}

// seenStore returns the ports of a store for the core, with the observer watching their calls.
func seenStore(s Store, o *observability.Observer) (ports.Log, ports.Directory, ports.Slots, ports.RoomLists, ports.People, ports.Revocations) {
	if p, ok := s.(ports.Pooled); ok {
		o.Pool(p)
	}
	return o.Log(s), o.Directory(s), s, s, s, s
}

// newLogWatch returns the watch of the store's log identity. It reads the identity first, because
// notices and clients must get the right one from the start.
func newLogWatch(ctx context.Context, cfg Config, s Store, o ports.Observer) (*logwatch.Watch, error) {
	w := logwatch.New(logwatch.Config{
		Store: s, Observer: o, Bus: fmt.Sprintf("the bus (%s) under the prefix %q", schemeOf(cfg.BusURL), cfg.BusPrefix),
	})
	if err := w.Load(ctx); err != nil {
		return nil, startFailure{"ask which log it is", err}
	}
	return w, nil
}

type messagingParts struct {
	fx.In
	Store     Store
	Log       ports.Log
	Directory ports.Directory
	Lists     ports.RoomLists
	Slots     ports.Slots
	Bus       ports.Bus
	Own       Bus // the bus itself
	Observer  ports.Observer
	Watch     *logwatch.Watch
}

func newMessaging(cfg Config, p messagingParts) *messaging.Service {
	spread, _ := p.Store.(ports.Spread) // where it has one writer, more lanes would only make smaller batches
	return messaging.New(messaging.Config{
		Log: p.Log, Directory: p.Directory, Slots: p.Slots, Lists: p.Lists, Bus: p.Bus, Observer: p.Observer, Which: p.Watch.Log,
		Alone:       spread == nil && alone(p.Own), // PostgreSQL may serve other nodes that this one does not hear
		AnswerBytes: cfg.AnswerBytes, Measure: wire.MeasureEntry,
		Autocreate: !cfg.NoAutocreate, RateLimit: cfg.RateLimit, ServiceLimit: cfg.ServiceRate, RoomsLimit: cfg.RoomsPerUser, AddsLimit: cfg.AddsPerUser, SearchLimit: cfg.SearchRate, Reactions: cfg.Reactions,
		Spread: spread, Lanes: 1,
	})
}

func newPeople(cfg Config, s ports.People, l ports.Limiter, b ports.Bus, o ports.Observer) *people.Service {
	return people.New(people.Config{Store: s, Limiter: l, Bus: b, Observer: o, AnswerBytes: cfg.AnswerBytes})
}

type hubParts struct {
	fx.In
	Log      ports.Log
	Profiles ports.Profiles
	Reader   ports.Reader
	Writer   ports.Writer
	Searcher ports.Searcher
	Verifier ports.TokenVerifier
	Limiter  ports.Limiter
	Encoder  ports.Encoder
	Packer   ports.Packer
	Bus      ports.Bus
	Own      Bus // the bus itself
	Observer ports.Observer
	Watch    *logwatch.Watch
	Signals  *hooks.Signals
}

// features are what clients may use of this release, and what earlier releases would silently
// ignore. Clients are told of a feature once all nodes have it.
var features = []string{"act", "if_head", "silent", "people", "room_list", ports.FeatureSets, ports.FeaturePins, ports.FeatureMetadata, ports.FeatureHookKeys, ports.FeatureHookSignals}

// featuresWith returns the features of a node. s is nil if it has no search.
func featuresWith(s ports.Searcher) []string {
	if s == nil {
		return features
	}
	return append(slices.Clone(features), ports.FeatureSearch)
}

// alone reports whether this node hears of no other. A local bus reaches only nodes of this
// process.
func alone(b Bus) bool {
	_, is := b.(*localbus.Bus)
	return is
}

func newHub(cfg Config, p hubParts) *session.Hub {
	return session.New(session.Config{
		Log: p.Log, Reader: p.Reader, Writer: p.Writer, Verifier: p.Verifier, Limiter: p.Limiter, Profiles: p.Profiles, Encoder: p.Encoder, Packer: p.Packer, Bus: p.Bus,
		Observer: p.Observer, Which: p.Watch.Log, Features: featuresWith(p.Searcher), Alone: alone(p.Own), Searcher: p.Searcher, Arose: p.Signals.Arose,
		Shards: cfg.WriterShards, Linger: cfg.Linger, Heartbeat: cfg.Heartbeat, Replay: cfg.Replay, Reactions: cfg.Reactions, FrameBytes: cfg.FrameBytes, AnswerBytes: cfg.AnswerBytes,
		MaxSessions: cfg.Sessions, SessionsPerUser: cfg.SessionsPerUser, RoomsPerSession: cfg.RoomsPerSession, Joins: cfg.Joins,
	})
}

// newRunner returns the runner of consumers. It has no consumers until somebody sets them, and does
// nothing before.
func newRunner(s Store, log ports.Log, b ports.Bus, o ports.Observer) *consuming.Runner {
	return consuming.New(consuming.Config{Log: log, Cursors: s, Consumers: s, Retries: s, Leases: s, Bus: b, Observer: o})
}

// newKeys returns the keys of development mode, or nil in other modes.
func newKeys(cfg Config) (*jwt.DevKeys, error) {
	if !cfg.InDevelopment() {
		return nil, nil
	}
	keys, err := jwt.LoadOrMakeDevKeys(cfg.DataDir)
	if err != nil {
		return nil, startFailure{"make a key pair in " + cfg.DataDir, err}
	}
	return keys, nil
}

// Verifier verifies tokens, without the check whether they were revoked. To accept tokens of
// another kind, decorate this type; decorating ports.TokenVerifier replaces the check of
// revocations too.
type Verifier interface{ ports.TokenVerifier }

func newVerifier(cfg Config, keys *jwt.DevKeys, l *life, o ports.Observer) (Verifier, error) {
	ctx, end := context.WithCancel(context.Background()) // of the refreshing of key sets
	l.opened(func() error { end(); return nil })
	c := jwt.Config{
		JWKSURL: cfg.JWTJWKSURL, Algorithms: cfg.JWTAlgorithms, Issuer: cfg.JWTIssuer, Audience: cfg.JWTAudience,
		OnFault:   func(err error) { o.Fault(ctx, "read the key set", err) },
		OnRefused: o.TokenRefused,
		OnLeftOut: func(kid, why string) { l.log.Warn("a key of the key set is left out", "kid", kid, "reason", why) },
	}
	if cfg.JWTAudience == anyAudience {
		c.Audience = ""
	}
	if keys != nil {
		c.Keys, c.Algorithms = []jwt.Key{keys.Public()}, nil
	}
	for _, path := range cfg.JWTPublicKeyFiles {
		more, err := jwt.ReadKeys(path)
		if err != nil {
			return nil, startFailure{"read the keys of tokens", err}
		}
		c.Keys = append(c.Keys, more...)
	}
	v, err := jwt.New(ctx, c)
	if err != nil {
		return nil, startFailure{"get the keys of tokens", err}
	}
	return v, nil
}

// newGuard returns the guard that refuses revoked tokens. It reads the revocations first, if the
// store can be read.
func newGuard(ctx context.Context, s ports.Revocations, v Verifier, b ports.Bus, o ports.Observer) *revocation.Guard {
	g := revocation.New(revocation.Config{Store: s, Verifier: v, Bus: b, Observer: o})
	if err := g.Load(ctx); err != nil {
		o.Fault(ctx, "read revocations", err) // the guard will try again
	}
	return g
}

func newEncoder() (ports.Encoder, ports.Packer) { return ws.Encoder{}, ws.Packer{} }

func newSockets(cfg Config, s ports.Sessions, v ports.TokenVerifier, o ports.Observer) *ws.Adapter {
	return ws.New(ws.Config{
		Sessions: s, Verifier: v, Observer: o, Origins: cfg.Origins, FrameBytes: cfg.FrameBytes,
		Handshakes: cfg.Handshakes, Polled: cfg.Sockets != SocketsGoroutine, Compress: !cfg.NoCompression,
	})
}

func newStreams(cfg Config, s ports.Sessions, r ports.Reader, v ports.TokenVerifier, o ports.Observer, w *logwatch.Watch, sockets *ws.Adapter) *sse.Adapter {
	return sse.New(sse.Config{
		Sessions: s, Reader: r, Verifier: v, Observer: o, Which: w.Log, Carry: sockets.Carry,
		Rooms: cfg.RoomsPerSession, AnswerBytes: cfg.AnswerBytes,
	})
}

type apiParts struct {
	fx.In
	Writer   ports.Writer
	Reader   ports.Reader
	Rooms    ports.Rooms
	Members  ports.Members
	Lists    ports.RoomLister
	Profiles ports.Profiles
	Sets     ports.Sets
	Searcher ports.Searcher
	Hooks    ports.HookAdmin
	Pull     ports.HookCursors
	Verifier ports.TokenVerifier
	Observer ports.Observer
}

func newAPI(cfg Config, p apiParts) *rest.API {
	return rest.New(rest.Config{
		Writer: p.Writer, Reader: p.Reader, Rooms: p.Rooms, Members: p.Members, Lists: p.Lists, Profiles: p.Profiles, Sets: p.Sets, Searcher: p.Searcher, Verifier: p.Verifier,
		Observer: p.Observer, Faults: p.Observer,
		Hooks: p.Hooks, Pull: p.Pull,
	})
}

func newHTTP(cfg Config, log *slog.Logger, o ports.Observer, h *observability.Health, keys *jwt.DevKeys, page pageKey, s *ws.Adapter, streams *sse.Adapter, api *rest.API) *httpd.Server {
	routes := []func(fiber.Router){probes(h), s.Routes, streams.Routes, api.Routes, web.Routes(page != "", cfg.Origins)}
	if page != "" {
		routes = append(routes, tokenRoute(keys, page))
	}
	return httpd.New(httpd.Config{
		Addr: cfg.HTTPAddr, CertFile: cfg.TLSCertFile, KeyFile: cfg.TLSKeyFile, TrustedProxies: cfg.TrustedProxies,
		Origins: cfg.Origins, Observer: o, Log: log, Larger: rest.BodyBytes, MayLarger: api.MayLarger, Plain: cfg.NoCompression,
	}, routes...)
}

// probes serves the public health checks, which do not show causes.
func probes(h *observability.Health) func(fiber.Router) {
	answer := func(c *fiber.Ctx, r observability.Response) error {
		c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
		c.Set(fiber.HeaderCacheControl, "no-store")
		return c.Status(r.Status).Send(r.Body)
	}
	return func(r fiber.Router) {
		r.Get("/healthz", func(c *fiber.Ctx) error { return answer(c, h.Live()) })
		r.Get("/readyz", func(c *fiber.Ctx) error { return answer(c, h.Readiness(c.UserContext(), false)) })
	}
}

type livingParts struct {
	fx.In
	Lifecycle fx.Lifecycle
	Life      *life
	Admin     *httpd.Admin
	Bus       ports.Bus
	Checked   Bus // the bus itself, for health checks
	Hub       *session.Hub
	Messaging *messaging.Service
	People    *people.Service
	Guard     *revocation.Guard
	Runner    *consuming.Runner
	Hooks     *hooks.Service
	Search    *search.Service
	Rate      *work.Rate
	Store     Store
	Observer  ports.Observer
	Watch     *logwatch.Watch
	Sockets   *ws.Adapter
	HTTP      *httpd.Server
	Health    *observability.Health
	Sessions  ports.Sessions
	Listener  ports.Audience
}

// live lists the parts that run, in the order of their start. They stop in the reverse order.
func live(cfg Config, p livingParts) {
	p.Life.listen(p.Lifecycle, "admin listener", "PARLEY_ADMIN_ADDR", cfg.AdminAddr, p.Admin)
	p.Life.keep(p.Lifecycle, "bus", func(ctx context.Context) error { return p.Bus.Run(ctx, p.Listener) })
	p.Lifecycle.Append(fx.StartHook(func(ctx context.Context) { meet(ctx, p.Checked) }))
	p.Life.keep(p.Lifecycle, "health", p.Health.Run)
	if m, ok := p.Store.(ports.Mapped); ok {
		p.Life.keep(p.Lifecycle, "store", m.AwaitMap)
	}
	p.Life.keep(p.Lifecycle, "feeds", p.Hub.Run)
	p.Life.keep(p.Lifecycle, "log identity", func(ctx context.Context) error { return p.Watch.Run(ctx, p.begin) })
	p.Life.keep(p.Lifecycle, "revocations", func(ctx context.Context) error { return p.Guard.Run(ctx, p.Hub.Expel) })
	p.Life.keep(p.Lifecycle, "people", func(ctx context.Context) error { return p.People.Run(ctx, p.Listener) })
	p.Life.keep(p.Lifecycle, "search", searching(p.Search, p.Runner, p.Store, p.Observer))
	p.Life.keep(p.Lifecycle, "consumers", p.Runner.Run)
	p.Life.keep(p.Lifecycle, "hooks", p.Hooks.Run)
	p.Life.keep(p.Lifecycle, "journal", func(ctx context.Context) error {
		return p.Messaging.Run(ctx, journalListener{p.Listener, p.Runner, p.Rate})
	})
	p.Lifecycle.Append(fx.StopHook(func(ctx context.Context) error { return waitFor(ctx, "sockets", p.Sockets.Wait) }))
	p.Life.listen(p.Lifecycle, "HTTP listener", "PARLEY_HTTP_ADDR", cfg.HTTPAddr, p.HTTP)
	p.Lifecycle.Append(fx.StartStopHook(p.Health.Serve, func(ctx context.Context) { leave(ctx, cfg, p) }))
}

// begin resets the parts that have state of a log, after the store's log was replaced by another
// one.
func (p livingParts) begin() {
	p.Messaging.Deaf()
	p.Guard.Anew()
	p.Hub.Anew()
	p.Runner.Anew()
}

// meetTime is how long a start waits for its bus. After that it goes on without the bus.
const meetTime = 2 * time.Second

// meet waits for the bus, for a short time, so that a node that starts hears the others and is not
// called degraded.
func meet(ctx context.Context, bus ports.Checker) {
	ctx, cancel := context.WithTimeout(ctx, meetTime)
	defer cancel()
	for bus.Check(ctx) != nil {
		select {
		case <-ctx.Done():
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// leave is the first part of a stop. First readiness turns red, so that load balancers send no more
// clients; then the connected clients are told.
func leave(ctx context.Context, cfg Config, p livingParts) {
	until, _ := ctx.Deadline()
	p.Health.Drain(until)
	p.Hooks.Drain()
	select {
	case <-time.After(cfg.DrainDelay):
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(ctx, cfg.Drain)
	defer cancel()
	p.Sessions.Drain(ctx)
}

// waitFor runs wait until it returns or ctx ends.
func waitFor(ctx context.Context, name string, wait func()) error {
	done := make(chan struct{})
	go func() { defer close(done); wait() }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s have not ended in time", name)
	}
}

// startFailure says why a part could not be made. It is for people who start the service: fx's own
// errors describe its internals.
type startFailure struct {
	what string
	err  error
}

func (f startFailure) Error() string { return fmt.Sprintf("%s: %v", f.what, f.err) }
func (f startFailure) Unwrap() error { return f.err }

// plainly returns the cause in an error of fx.
func plainly(err error) error {
	if f, ok := errors.AsType[startFailure](err); ok {
		return f
	}
	if f, ok := errors.AsType[Faults](err); ok {
		return f
	}
	return err
}
