package proc

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// birthOf returns the birth of a process.
func birthOf(pid int) (birth, error) {
	s, err := readStat(pid)
	return s.birth, err
}

// usageOf returns the usage of one process, which must have this birth.
func usageOf(pid int, born birth) (Usage, error) {
	s, err := readLiving(pid, born)
	if err != nil {
		return Usage{}, err
	}
	return measure(pid, s)
}

// treeUsageOf adds up a process and its descendants.
func treeUsageOf(pid int, born birth) (Usage, error) {
	if _, err := readLiving(pid, born); err != nil {
		return Usage{}, err
	}
	all, err := readAllStats()
	if err != nil {
		return Usage{}, err
	}
	parents := make(map[int]int, len(all))
	for pid, s := range all {
		parents[pid] = s.parent
	}
	var sum Usage
	for i, pid := range descendants(pid, parents) {
		s, err := readStat(pid) // anew, as close in time as possible to the rest
		if err == nil && s.ended() {
			// It was not waited for yet, so its time is in no other sum.
			sum.User, sum.System = sum.User+s.user+s.childUser, sum.System+s.system+s.childSystem
			continue
		}
		var u Usage
		if err == nil {
			u, err = measure(pid, s)
		}
		switch {
		case err == nil:
			sum = sum.plus(u, 1)
			sum.User, sum.System = sum.User+s.childUser, sum.System+s.childSystem
		case i == 0 || !errors.Is(err, os.ErrProcessDone):
			return Usage{}, err
		}
	}
	return sum, nil
}

// readLiving reads the stat of a process, which must be alive and have this birth.
func readLiving(pid int, born birth) (stat, error) {
	s, err := readStat(pid)
	if err == nil && (s.ended() || s.birth != born) {
		err = os.ErrProcessDone
	}
	return s, err
}

func readStat(pid int) (stat, error) {
	text, err := read(pid, "stat")
	if err != nil {
		return stat{}, err
	}
	return parseStat(text)
}

// readAllStats reads the stat of all processes.
func readAllStats() (map[int]stat, error) {
	names, err := names("/proc")
	if err != nil {
		return nil, err
	}
	all := map[int]stat{}
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue // not a process
		}
		s, err := readStat(pid)
		if errors.Is(err, os.ErrProcessDone) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all[pid] = s
	}
	return all, nil
}

// measure reads a process's usage from /proc, and from s, which was read before.
func measure(pid int, s stat) (Usage, error) {
	status, err := readFields(pid, "status")
	if err != nil {
		return Usage{}, err
	}
	u := Usage{
		User: s.user, System: s.system, Threads: s.threads, Processes: 1,
		Resident: status["VmRSS"], PeakResident: status["VmHWM"],
	}
	// The sum of both in ticks loses up to two ticks, which is much for an idle server.
	if exact, ok := cpuClock(pid); ok {
		u.System = min(u.System, exact)
		u.User = exact - u.System
	}
	// Not every user may read these, and older kernels lack some.
	if memory, err := readFields(pid, "smaps_rollup"); err == nil {
		// VmRSS is the sum of counters of each CPU, and may be some hundred pages wrong.
		u.Resident, u.Proportional = memory["Rss"], memory["Pss"]
		u.Private = memory["Private_Clean"] + memory["Private_Dirty"] + memory["Private_Hugetlb"]
		u.PeakResident = max(u.PeakResident, u.Resident)
	}
	u.Files = openFiles(pid)
	u.Voluntary, u.Involuntary, err = switches(pid)
	return u, err
}

// cpuClock reads the clock of a process's CPU time. Its number is the complement of the id, shifted
// by three bits, which select the whole process and the scheduler's count (MAKE_PROCESS_CPUCLOCK in
// the kernel's include/linux/posix-timers_types.h).
func cpuClock(pid int) (time.Duration, bool) {
	const scheduled = 2
	var now unix.Timespec
	if unix.ClockGettime(int32(^pid<<3|scheduled), &now) != nil {
		return 0, false
	}
	return time.Duration(now.Nano()), true
}

// switches adds up the context switches of a process's threads; status has only those of the first
// thread.
func switches(pid int) (voluntary, involuntary int64, err error) {
	threads, err := names(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return 0, 0, err
	}
	for _, thread := range threads {
		status, err := readFields(pid, "task/"+thread+"/status")
		if errors.Is(err, os.ErrProcessDone) {
			continue // this thread has ended, perhaps all of them
		}
		if err != nil {
			return 0, 0, err
		}
		voluntary += status["voluntary_ctxt_switches"]
		involuntary += status["nonvoluntary_ctxt_switches"]
	}
	return voluntary, involuntary, nil
}

// openFiles counts a process's open files; 0: unknown.
func openFiles(pid int) int64 {
	folder := fmt.Sprintf("/proc/%d/fd", pid)
	// Since Linux 6.2 the size is the number. It is 0 on older kernels, and for a process without
	// open files.
	if info, err := os.Stat(folder); err == nil && info.Size() > 0 {
		return info.Size()
	}
	list, err := names(folder)
	if err != nil {
		return 0
	}
	return int64(len(list))
}

func readFields(pid int, name string) (map[string]int64, error) {
	text, err := read(pid, name)
	return parseFields(text), err
}

// read reads a file of a process. It fails with os.ErrProcessDone if the process has ended.
func read(pid int, name string) ([]byte, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, name))
	return text, asDone(err)
}

// names lists a folder of /proc, unordered.
func names(folder string) ([]string, error) {
	f, err := os.Open(folder)
	if err != nil {
		return nil, asDone(err)
	}
	defer f.Close()
	list, err := f.Readdirnames(-1)
	return list, asDone(err)
}

// asDone turns all of /proc's errors about an ended process into one.
func asDone(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return os.ErrProcessDone
	}
	return err
}
