package server

import (
	"log/slog"
	"time"
)

// Levels lets tests see how the level is set back.
type Levels = levels

// NewLevels returns the levels of a service.
func NewLevels(cfg Config) *Levels { return newLevels(cfg) }

// Change sets the level.
func (l *levels) Change(to slog.Level, until time.Duration) { l.change(to, until) }
