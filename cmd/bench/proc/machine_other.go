//go:build !linux && !darwin

package proc

import "github.com/parley-chat/parley/cmd/bench/report"

// describe adds nothing: on this system only Go's own data is known.
func describe(*report.Machine) {}
