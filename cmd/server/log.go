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

// commandTime is how long a command waits for a store that is not there.
const commandTime = 10 * time.Second

// Log tells which log the store that cfg names keeps. Services may go on using it.
func Log(ctx context.Context, cfg Config) (id chat.LogID, err error) {
	err = withStore(ctx, cfg, func(ctx context.Context, s Store) error {
		id, err = s.LogID(ctx)
		return err
	})
	return id, err
}

// RenewLog gives the log of the store that cfg names another identity, and returns the earlier one,
// if there was one, and that. Services that use it notice within seconds, and have their clients
// start anew.
func RenewLog(ctx context.Context, cfg Config) (was, now chat.LogID, err error) {
	err = withStore(ctx, cfg, func(ctx context.Context, s Store) error {
		was, err = s.LogID(ctx)
		if err != nil && !errors.Is(err, chat.Internal) { // it may have lost its identity
			return err
		}
		now, err = s.RenewLog(ctx)
		return err
	})
	return was, now, err
}

// mustBeThere fails where there is no file, which opening it would make.
func mustBeThere(path string) error {
	if _, err := os.Stat(path); err != nil { //nolint:gosec // whoever calls it says where
		return fmt.Errorf("there is no store: %w", err)
	}
	return nil
}

// withStore lends the store that cfg names, with the schema that it has.
func withStore(ctx context.Context, cfg Config, do func(context.Context, Store) error) (err error) {
	cfg, faults := cfg.withDefaults()
	if len(faults) > 0 {
		return faults
	}
	scheme := schemeOf(cfg.StoreURL)
	if backends[scheme].migrate == nil {
		return fmt.Errorf("a %s:// store is its process's own, and its log with it", scheme)
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
