package proc

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// psTime is how long ps may take.
const psTime = 10 * time.Second

// psLine is ps's data of a process.
type psLine struct {
	parent   int
	resident int64
	cpu      time.Duration
	ended    bool // a zombie
}

// psUsage asks ps about a process, or it and its descendants.
func psUsage(pid int, tree bool) (Usage, error) {
	ctx, cancel := context.WithTimeout(context.Background(), psTime)
	defer cancel()
	text, err := exec.CommandContext(ctx, "ps", "-A", "-o", "pid=", "-o", "ppid=", "-o", "rss=", "-o", "stat=", "-o", "time=").Output()
	if err != nil {
		return Usage{}, fmt.Errorf("ps: %w", err)
	}
	all, err := parsePS(text)
	if err != nil {
		return Usage{}, err
	}
	if line, ok := all[pid]; !ok || line.ended {
		return Usage{}, os.ErrProcessDone
	}
	family := []int{pid}
	if tree {
		parents := make(map[int]int, len(all))
		for pid, line := range all {
			parents[pid] = line.parent
		}
		family = descendants(pid, parents)
	}
	var sum Usage
	for _, pid := range family {
		line := all[pid]
		sum.User += line.cpu
		if !line.ended {
			sum = sum.plus(Usage{Resident: line.resident, Processes: 1}, 1)
		}
	}
	return sum, nil
}

// parsePS reads lines of id, parent's id, KiB of memory, state, and CPU time.
func parsePS(text []byte) (map[int]psLine, error) {
	all := map[int]psLine{}
	for line := range bytes.Lines(text) {
		fields := strings.Fields(string(line))
		if len(fields) != 5 {
			return nil, fmt.Errorf("ps: a line with %d fields: %q", len(fields), line)
		}
		var numbers [3]int
		for i := range numbers {
			n, err := strconv.Atoi(fields[i])
			if err != nil {
				return nil, fmt.Errorf("ps: %w in %q", err, line)
			}
			numbers[i] = n
		}
		cpu, err := parsePSTime(fields[4])
		if err != nil {
			return nil, err
		}
		all[numbers[0]] = psLine{parent: numbers[1], resident: int64(numbers[2]) << 10, cpu: cpu, ended: fields[3][0] == 'Z'}
	}
	return all, nil
}

// parsePSTime reads [[days-]hours:]minutes:seconds[.hundredths]; minutes may be more than 59 if
// there are no hours.
func parsePSTime(text string) (time.Duration, error) {
	rest := text
	var sum time.Duration
	if days, clock, ok := strings.Cut(rest, "-"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			return 0, fmt.Errorf("ps: the time %q: %w", text, err)
		}
		sum, rest = time.Duration(n)*24*time.Hour, clock
	}
	parts := strings.Split(rest, ":")
	if len(parts) < 2 || len(parts) > 3 {
		return 0, fmt.Errorf("ps: the time %q has %d parts", text, len(parts))
	}
	unit := time.Minute
	if len(parts) == 3 {
		unit = time.Hour
	}
	for _, part := range parts[:len(parts)-1] {
		n, err := strconv.ParseUint(part, 10, 20)
		if err != nil {
			return 0, fmt.Errorf("ps: the time %q: %w", text, err)
		}
		sum += time.Duration(n) * unit
		unit /= 60
	}
	seconds, err := time.ParseDuration(parts[len(parts)-1] + "s")
	if err != nil || seconds < 0 {
		return 0, fmt.Errorf("ps: the seconds of the time %q", text)
	}
	return sum + seconds, nil
}
