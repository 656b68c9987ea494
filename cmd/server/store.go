package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/exaring/otelpgx"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/parley-chat/parley/adapters/memory"
	"github.com/parley-chat/parley/adapters/postgres"
	"github.com/parley-chat/parley/adapters/sqlite"
	"github.com/parley-chat/parley/migrations"
	"github.com/parley-chat/parley/observability"
	"github.com/parley-chat/parley/ports"
)

// Store is what a store adapter implements. To use your own adapter, decorate this type. To put a
// layer only between the core and a store's log or directory, decorate ports.Log or
// ports.Directory.
type Store interface {
	ports.Log
	ports.LogIdentity
	ports.Directory
	ports.RoomLists
	ports.People
	ports.Slots
	ports.Revocations
	ports.Hooks
	ports.Cursors
	ports.Consumers
	ports.Retries
	ports.Leases
	ports.Checker
}

// backend is the store of a URL's scheme.
type backend struct {
	shared  bool // several nodes may share one
	check   func(rest string) error
	open    func(ctx context.Context, by opening) (Store, func() error, error)
	migrate func(cfg Config) *migrations.Migrator // nil: no schema
}

// opening says for whom a store is opened.
type opening struct {
	cfg       Config
	log       *slog.Logger
	telemetry *observability.Telemetry
	service   bool // for a service, and not for a command
}

var backends = map[string]backend{
	"memory": {
		check: func(rest string) error {
			if rest != "" {
				return errors.New("memory:// with nothing after it")
			}
			return nil
		},
		open: func(context.Context, opening) (Store, func() error, error) {
			return memory.New(), func() error { return nil }, nil
		},
	},
	"sqlite": {
		check: func(rest string) error {
			if rest == "" || strings.Contains(rest, "?") {
				return errors.New("sqlite://PATH, such as sqlite://./parley-data/parley.db, without parameters")
			}
			return nil
		},
		open: func(ctx context.Context, by opening) (Store, func() error, error) {
			config := sqliteConfig(by.cfg)
			if by.service {
				config.Holder = holder(by.cfg)
			}
			s, err := sqlite.Open(ctx, config)
			if held, ok := errors.AsType[*sqlite.HeldError](err); ok {
				return nil, nil, fmt.Errorf("%w; a SQLite file is for one service: stop the other one, or give this one its own file, by PARLEY_DATA_DIR or "+
					"PARLEY_STORE_URL. Several nodes share a PostgreSQL database", held)
			}
			if err != nil {
				return nil, nil, err
			}
			return s, s.Close, nil
		},
		migrate: func(cfg Config) *migrations.Migrator { return sqlite.NewMigrator(sqliteConfig(cfg)) },
	},
	"postgres":   postgresql,
	"postgresql": postgresql,
}

var postgresql = backend{
	shared: true,
	check: func(rest string) error {
		if _, err := pgxpool.ParseConfig("postgres://" + rest); err != nil || rest == "" {
			return errors.New("a URL such as postgres://user:password@host:5432/database")
		}
		return nil
	},
	open: func(ctx context.Context, by opening) (Store, func() error, error) {
		config := postgresConfig(by.cfg, by.log)
		if traces := by.telemetry.Traces(); traces != nil {
			config.Tracer = otelpgx.NewTracer(otelpgx.WithTracerProvider(traces))
		}
		s, err := postgres.Open(ctx, config)
		if err != nil {
			return nil, nil, err
		}
		return s, func() error { s.Close(); return nil }, nil
	},
	migrate: func(cfg Config) *migrations.Migrator {
		return postgres.NewMigrator(postgresConfig(cfg, slog.Default()))
	},
}

func postgresConfig(cfg Config, log *slog.Logger) postgres.Config {
	return postgres.Config{
		URL: cfg.StoreURL, NoMigrate: cfg.NoMigrate, OnWait: waiting(cfg, log),
		OnWarn: func(err error) { log.Warn("the database", "url", cfg.StoreURL, "warning", err) },
	}
}

// stillWaiting is how often a start that waits repeats the same reason in the log.
const stillWaiting = 15 * time.Second

// waiting returns a function that logs failed attempts to reach the database.
func waiting(cfg Config, log *slog.Logger) func(error) {
	began := time.Now()
	var told time.Time
	var why string
	return func(err error) {
		if err.Error() == why && time.Since(told) < stillWaiting {
			return
		}
		told, why = time.Now(), err.Error()
		log.Warn("waiting for the database", "url", cfg.StoreURL, "error", err, "for", time.Since(began).Round(time.Millisecond))
	}
}

func sqliteConfig(cfg Config) sqlite.Config {
	_, path, _ := strings.Cut(cfg.StoreURL, "://")
	return sqlite.Config{Path: path, NoMigrate: cfg.NoMigrate}
}

// holder describes this service to another one that wants the same file.
func holder(cfg Config) string {
	host, err := os.Hostname()
	if err != nil {
		host = "this machine"
	}
	return fmt.Sprintf("process %d on %s, with PARLEY_HTTP_ADDR %s and PARLEY_ADMIN_ADDR %s, since %s",
		os.Getpid(), host, cfg.HTTPAddr, cfg.AdminAddr, time.Now().UTC().Format(time.RFC3339))
}

// shared reports whether several nodes may use one store of that scheme.
func shared(scheme string) bool { return backends[scheme].shared }

func storeURL(raw string) (string, error) {
	scheme, rest, _ := strings.Cut(raw, "://")
	b, ok := backends[scheme]
	if !ok {
		return "", errors.New("sqlite://PATH, postgres://user@host/database or memory://")
	}
	return raw, b.check(rest)
}

func openStore(ctx context.Context, cfg Config, log *slog.Logger, t *observability.Telemetry) (Store, func() error, error) {
	scheme, _, _ := strings.Cut(cfg.StoreURL, "://")
	return backends[scheme].open(ctx, opening{cfg, log, t, true})
}

// NewMigrator returns the migrator of the store that cfg names. It fails if the store has no
// schema.
func NewMigrator(cfg Config) (*migrations.Migrator, error) {
	cfg, faults := cfg.withDefaults()
	if len(faults) > 0 {
		return nil, faults
	}
	scheme, _, _ := strings.Cut(cfg.StoreURL, "://")
	b := backends[scheme]
	if b.migrate == nil {
		return nil, fmt.Errorf("a %s:// store has no schema to migrate", scheme)
	}
	return b.migrate(cfg), nil
}
