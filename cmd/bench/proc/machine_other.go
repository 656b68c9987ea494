//go:build !linux && !darwin

package proc

import "github.com/parley-chat/parley/cmd/bench/report"

// describe adds nothing: of this system only what Go itself knows is told.
func describe(*report.Machine) {}
