package proc

import (
	"fmt"
	"os"
	"time"
)

// Usage is a process's use of the machine: of all its threads, even ended ones, unless a field says
// otherwise. On Linux all fields are known, except those that this user may not read in /proc, such
// as Private, which are 0. Elsewhere only CPU time (all of it in User), Resident and Processes are
// known, and the rest is 0.
type Usage struct {
	// CPU time since the process began. On Linux their sum is exact to the nanosecond, and each of
	// them to 10 ms; elsewhere both are as exact as ps: 10 ms or a second.
	User, System time.Duration

	Resident     int64 // bytes of memory in RAM; shared memory counts in full
	PeakResident int64 // the most that Resident has been, as far as the system noticed
	Private      int64 // bytes in RAM that are no other process's
	Proportional int64 // Private, and of what is shared this process's part; the one to add up over processes
	Threads      int64 // that there are
	Files        int64 // open ones, sockets among them

	// Context switches of the threads that there are: because they waited, because others had their
	// turn.
	Voluntary, Involuntary int64

	Processes int64 // number of processes in the sum
}

// CPU returns the total CPU time.
func (u Usage) CPU() time.Duration { return u.User + u.System }

// Sub returns the difference from before to u. It may be negative for memory and the like.
func (u Usage) Sub(before Usage) Usage { return u.plus(before, -1) }

// Add returns the sum of both.
func (u Usage) Add(v Usage) Usage { return u.plus(v, 1) }

// plus adds v times a factor.
func (u Usage) plus(v Usage, times int64) Usage {
	return Usage{
		User: u.User + v.User*time.Duration(times), System: u.System + v.System*time.Duration(times),
		Resident: u.Resident + v.Resident*times, PeakResident: u.PeakResident + v.PeakResident*times,
		Private: u.Private + v.Private*times, Proportional: u.Proportional + v.Proportional*times,
		Threads: u.Threads + v.Threads*times, Files: u.Files + v.Files*times,
		Voluntary: u.Voluntary + v.Voluntary*times, Involuntary: u.Involuntary + v.Involuntary*times,
		Processes: u.Processes + v.Processes*times,
	}
}

// Usage returns what the process has used until now. It fails with os.ErrProcessDone if the process
// has ended. A call costs the process almost nothing, except for its memory: the system counts
// pages, about 15 ms a gigabyte, and meanwhile the process cannot map more.
func (p *Process) Usage() (Usage, error) { return p.ask(usageOf) }

// TreeUsage returns the sum of the process and its descendants, for servers of many processes such
// as PostgreSQL. On Linux CPU time includes that of children which have ended and were waited for;
// all else is of present processes. PeakResident adds up peaks of possibly different times. A
// process whose parent has ended does not count as a descendant.
func (p *Process) TreeUsage() (Usage, error) { return p.ask(treeUsageOf) }

func (p *Process) ask(usage func(int, birth) (Usage, error)) (Usage, error) {
	if p.gone() {
		return Usage{}, fmt.Errorf("usage of %s: %w", p.name, os.ErrProcessDone)
	}
	u, err := usage(p.pid, p.birth)
	if err != nil {
		return Usage{}, fmt.Errorf("usage of %s: %w", p.name, err)
	}
	return u, nil
}

// descendants returns a process and all its descendants, parents before their children. parents has
// the parent of each process.
func descendants(pid int, parents map[int]int) []int {
	children := map[int][]int{}
	for child, parent := range parents {
		children[parent] = append(children[parent], child)
	}
	family := []int{pid}
	for i := 0; i < len(family); i++ {
		family = append(family, children[family[i]]...)
		delete(children, family[i]) // in case the table of processes changed while it was read
	}
	return family
}
