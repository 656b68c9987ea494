//go:build !linux

package pgtest

import (
	"fmt"
	"os/exec"
	"strings"
)

// children returns the processes that parent started.
func children(parent int) ([]int, error) {
	out, err := exec.Command("ps", "-A", "-o", "pid=,ppid=").Output()
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	var pids []int
	for line := range strings.Lines(string(out)) {
		var pid, ppid int
		if _, err := fmt.Sscan(line, &pid, &ppid); err != nil {
			return nil, fmt.Errorf("list processes: %w", err)
		}
		if ppid == parent {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}
