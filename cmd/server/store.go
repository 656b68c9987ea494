package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/exaring/otelpgx"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/parley-chat/parley/adapters/memory"
	"github.com/parley-chat/parley/adapters/postgres"
	"github.com/parley-chat/parley/adapters/shards"
	"github.com/parley-chat/parley/adapters/sqlite"
	"github.com/parley-chat/parley/migrations"
	"github.com/parley-chat/parley/observability"
	"github.com/parley-chat/parley/ports"
)

// Store is what a store adapter implements. To use your own adapter, decorate this type. To put a
// layer only between the core and a store's log or directory, decorate ports.Log or
// ports.Directory. A type that decorates it must pass on what the store has besides, such as
// ports.Spread: without that, all drafts are appended in one lane.
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

// backend is the store of a URL's scheme. open and migrate take the URLs of a cluster where several
// databases can be one store, and otherwise one.
type backend struct {
	shared  bool // several nodes may share one
	check   func(rest string) error
	open    func(ctx context.Context, by opening) (Store, func() error, error)
	migrate func(cfg Config, url string) *migrations.Migrator // nil: no schema
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
		migrate: func(cfg Config, _ string) *migrations.Migrator { return sqlite.NewMigrator(sqliteConfig(cfg)) },
	},
	"postgres":   postgresql,
	"postgresql": postgresql,
}

var postgresql = backend{
	shared: true,
	check: func(rest string) error {
		if _, err := pgxpool.ParseConfig("postgres://" + rest); err != nil || rest == "" {
			return errors.New("a URL such as postgres://user:password@host:5432/database" + wrongParameter(rest))
		}
		return nil
	},
	open: func(ctx context.Context, by opening) (Store, func() error, error) {
		var configs []postgres.Config
		for _, url := range storeURLs(by.cfg) {
			config := postgresConfig(by.cfg, url, by.log)
			if traces := by.telemetry.Traces(); traces != nil {
				config.Tracer = otelpgx.NewTracer(otelpgx.WithTracerProvider(traces))
			}
			configs = append(configs, config)
		}
		if len(configs) > 1 {
			return openShards(ctx, configs)
		}
		s, err := postgres.Open(ctx, configs[0])
		if err != nil {
			return nil, nil, err
		}
		return s, func() error { s.Close(); return nil }, nil
	},
	migrate: func(cfg Config, url string) *migrations.Migrator {
		return postgres.NewMigrator(postgresConfig(cfg, url, slog.Default()))
	},
}

// wrongParameter names the parameter that makes the URL of a database wrong. The library's own
// error may show a value, which may be a secret.
func wrongParameter(rest string) string {
	base, query, _ := strings.Cut("postgres://"+rest, "?")
	values, err := url.ParseQuery(query)
	if _, wrong := pgxpool.ParseConfig(base); wrong != nil || err != nil {
		return ""
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if _, err := pgxpool.ParseConfig(base + "?" + url.Values{name: values[name]}.Encode()); err != nil {
			return fmt.Sprintf("; its %s is wrong", name)
		}
	}
	return ""
}

// openShards opens several databases as one store.
func openShards(ctx context.Context, configs []postgres.Config) (Store, func() error, error) {
	stores, err := postgres.OpenShards(ctx, configs)
	if err != nil {
		return nil, nil, err
	}
	servers := make([]shards.Server, len(stores))
	for i, s := range stores {
		servers[i] = s
	}
	return shards.New(servers...), func() error {
		for _, s := range stores {
			s.Close()
		}
		return nil
	}, nil
}

func postgresConfig(cfg Config, url string, log *slog.Logger) postgres.Config {
	return postgres.Config{
		URL: url, NoMigrate: cfg.NoMigrate, OnWait: waiting(url, log),
		OnWarn: func(err error) { log.Warn("the database", "url", url, "warning", err) },
	}
}

// storeURLs returns the URLs of the store: several are those of databases that share the rooms.
func storeURLs(cfg Config) []string { return splitURLs(cfg.StoreURL) }

// splitURLs splits the URLs of databases. A file's name may have spaces.
func splitURLs(raw string) []string {
	if strings.HasPrefix(raw, "postgres") {
		return strings.Fields(raw)
	}
	return []string{raw}
}

// stillWaiting is how often a start that waits repeats the same reason in the log.
const stillWaiting = 15 * time.Second

// waiting returns a function that logs failed attempts to reach the database.
func waiting(url string, log *slog.Logger) func(error) {
	began := time.Now()
	var told time.Time
	var why string
	return func(err error) {
		if err.Error() == why && time.Since(told) < stillWaiting {
			return
		}
		told, why = time.Now(), err.Error()
		log.Warn("waiting for the database", "url", url, "error", err, "for", time.Since(began).Round(time.Millisecond))
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
	urls := splitURLs(raw)
	for _, url := range urls {
		scheme, rest, _ := strings.Cut(url, "://")
		b, ok := backends[scheme]
		switch {
		case !ok:
			return "", errors.New("sqlite://PATH, postgres://user@host/database or memory://")
		case len(urls) > 1 && !b.shared:
			return "", fmt.Errorf("one URL, or several that are postgres://…: of %s://… there is one", scheme)
		case len(urls) > maxServers:
			return "", fmt.Errorf("up to %d URLs", maxServers)
		}
		if err := b.check(rest); err != nil {
			return "", err
		}
	}
	return raw, nil
}

// maxServers is of how many databases a store may be: so that each has about as many slots.
const maxServers = shards.Slots / 16

func openStore(ctx context.Context, cfg Config, log *slog.Logger, t *observability.Telemetry) (Store, func() error, error) {
	scheme, _, _ := strings.Cut(cfg.StoreURL, "://")
	return backends[scheme].open(ctx, opening{cfg, log, t, true})
}

// NewMigrators returns the migrators of the store that cfg names, one for each of its databases. It
// fails if the store has no schema.
func NewMigrators(cfg Config) (list []*migrations.Migrator, err error) {
	cfg, faults := cfg.withDefaults()
	if len(faults) > 0 {
		return nil, faults
	}
	scheme := schemeOf(cfg.StoreURL)
	b := backends[scheme]
	if b.migrate == nil {
		return nil, fmt.Errorf("a %s:// store has no schema to migrate", scheme)
	}
	for _, url := range storeURLs(cfg) {
		list = append(list, b.migrate(cfg, url))
	}
	return list, nil
}
