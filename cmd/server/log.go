package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/observability"
)

// commandTime is how long a command waits for a store that cannot be reached.
const commandTime = 10 * time.Second

// Log returns the identity of the log in the store that cfg names. Services may use the store
// meanwhile.
func Log(ctx context.Context, cfg Config) (id chat.LogID, err error) {
	err = withStore(ctx, cfg, func(ctx context.Context, s Store) error {
		id, err = s.LogID(ctx)
		return err
	})
	return id, err
}

// RenewLog gives the log of the store that cfg names a new identity. It returns the old one, which
// may be empty, and the new one. Services that use the store notice within seconds, and have their
// clients start anew.
func RenewLog(ctx context.Context, cfg Config) (was, now chat.LogID, err error) {
	err = withStore(ctx, cfg, func(ctx context.Context, s Store) error {
		was, err = s.LogID(ctx)
		if err != nil && !errors.Is(err, chat.Internal) { // the log may have lost its identity
			return err
		}
		now, err = s.RenewLog(ctx)
		return err
	})
	return was, now, err
}

// mustBeThere fails if the file does not exist, because opening it would make it.
func mustBeThere(path string) error {
	if _, err := os.Stat(path); err != nil { //nolint:gosec // the operator names it
		return fmt.Errorf("there is no store: %w", err)
	}
	return nil
}

// withStore runs do with the store that cfg names, and does not migrate it.
func withStore(ctx context.Context, cfg Config, do func(context.Context, Store) error) (err error) {
	cfg, faults := cfg.withDefaults()
	if len(faults) > 0 {
		return faults
	}
	scheme := schemeOf(cfg.StoreURL)
	if backends[scheme].migrate == nil {
		return fmt.Errorf("a %s:// store exists only in its process, and so does its log", scheme)
	}
	if path := sqliteConfig(cfg).Path; scheme == "sqlite" {
		if err := mustBeThere(path); err != nil {
			return err
		}
	}
	cfg.NoMigrate = true
	ctx, cancel := context.WithTimeout(ctx, commandTime)
	defer cancel()
	s, closer, err := backends[scheme].open(ctx, opening{cfg: cfg, log: slog.New(slog.DiscardHandler), telemetry: &observability.Telemetry{}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closer()) }()
	return do(ctx, s)
}
