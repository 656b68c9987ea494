package server

import (
	"log/slog"

	"github.com/parley-chat/parley/adapters/postgres"
	"github.com/parley-chat/parley/core/chat"
)

// NewGrowth returns the growth of a store of PostgreSQL databases to those that cfg names: the ones
// that are there, and then as many copies. tell is told what is done.
func NewGrowth(cfg Config, tell func(string)) (*postgres.Growth, error) {
	cfg, faults := cfg.withDefaults()
	if len(faults) > 0 {
		return nil, faults
	}
	if !shared(schemeOf(cfg.StoreURL)) {
		return nil, chat.Errorf(chat.Invalid, "a %s:// store has no servers to add: only PostgreSQL has", schemeOf(cfg.StoreURL))
	}
	var configs []postgres.Config
	for _, url := range storeURLs(cfg) {
		configs = append(configs, postgresConfig(cfg, url, slog.New(slog.DiscardHandler)))
	}
	return postgres.NewGrowth(configs, tell)
}
