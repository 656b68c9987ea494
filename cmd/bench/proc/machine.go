package proc

import (
	"runtime"

	"github.com/parley-chat/parley/cmd/bench/report"
)

// Machine describes the machine of this process, without its name. Unknown properties are left out;
// the memory is the machine's, not a container's limit.
func Machine() report.Machine {
	m := report.Machine{
		CPU: runtime.GOARCH, OS: runtime.GOOS,
		Cores: runtime.NumCPU(), GOMAXPROCS: runtime.GOMAXPROCS(0),
		Go: runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH,
	}
	describe(&m)
	return m
}
