package proc

import (
	"runtime"

	"github.com/parley-chat/parley/cmd/bench/report"
)

// Machine describes what this process runs on, without naming it. What the system does not tell is
// left out; the memory is the machine's, not what a container may use of it.
func Machine() report.Machine {
	m := report.Machine{
		CPU: runtime.GOARCH, OS: runtime.GOOS,
		Cores: runtime.NumCPU(), GOMAXPROCS: runtime.GOMAXPROCS(0),
		Go: runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH,
	}
	describe(&m)
	return m
}
