package proc

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of CPU times in /proc. Linux shows it to programs as 1/100 s on every machine
// that Go supports, whatever the kernel's own unit is.
const tick = 10 * time.Millisecond

// birth distinguishes a process from a later one with the same id: ticks from the machine's start
// to the process's.
type birth uint64

// stat holds the fields of /proc/PID/stat.
type stat struct {
	state        byte // R, S, D, Z, …
	parent       int
	user, system time.Duration
	// CPU time of children that have ended and been waited for.
	childUser, childSystem time.Duration
	threads                int64
	birth                  birth
}

// ended reports whether the process is a zombie: it has ended and was not waited for.
func (s stat) ended() bool { return s.state == 'Z' || s.state == 'X' || s.state == 'x' }

// parseStat reads /proc/PID/stat. The second field is the program's name in brackets. It may
// contain anything, even brackets, spaces and line ends; but after the last bracket there are only
// numbers.
func parseStat(text []byte) (stat, error) {
	_, rest, named := strings.Cut(string(text), " (")
	end := strings.LastIndex(rest, ") ")
	if !named || end < 0 {
		return stat{}, fmt.Errorf("stat without a name: %q", text)
	}
	fields := strings.Fields(rest[end+1:]) // from the third on
	if len(fields) < 20 || len(fields[0]) != 1 {
		return stat{}, fmt.Errorf("stat with %d fields behind the name: %q", len(fields), text)
	}
	s := stat{state: fields[0][0]}
	var problems []error
	// Numbers of fields as in proc_pid_stat(5), which counts from 1.
	number := func(n int) int64 {
		v, err := strconv.ParseInt(fields[n-3], 10, 64)
		if err != nil {
			problems = append(problems, fmt.Errorf("field %d of stat: %w", n, err))
		}
		return v
	}
	s.parent = int(number(4))
	s.user, s.system = time.Duration(number(14))*tick, time.Duration(number(15))*tick
	s.childUser, s.childSystem = time.Duration(number(16))*tick, time.Duration(number(17))*tick
	s.threads = number(20)
	s.birth = birth(number(22))
	if err := errors.Join(problems...); err != nil {
		return stat{}, err
	}
	return s, nil
}

// parseFields reads lines like "VmRSS: 1748 kB" and "syscw: 12", of /proc/PID/status, io and
// smaps_rollup and of /proc/meminfo. It returns the numbers; those in kB are converted to bytes. If
// a name occurs twice, the first counts.
func parseFields(text []byte) map[string]int64 {
	fields := map[string]int64{}
	for line := range bytes.Lines(text) {
		name, value, ok := strings.Cut(string(line), ":")
		if !ok {
			continue
		}
		words := strings.Fields(value)
		if len(words) == 0 || len(words) > 2 || len(words) == 2 && words[1] != "kB" {
			continue
		}
		n, err := strconv.ParseInt(words[0], 10, 64)
		if err != nil {
			continue
		}
		if len(words) == 2 {
			n <<= 10
		}
		if _, twice := fields[name]; !twice {
			fields[name] = n
		}
	}
	return fields
}
