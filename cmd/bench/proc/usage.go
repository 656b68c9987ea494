package proc

import (
	"fmt"
	"os"
	"time"
)

// Usage is what a process takes from the machine: all its threads, also those that have ended,
// unless it says otherwise. Linux tells everything here (what /proc does not let this user read,
// Private and Writes for example, is 0); elsewhere only CPU time, which is then all in User,
// Resident and Processes are known, and the rest is 0.
type Usage struct {
	// CPU time since the process began. On Linux their sum is exact to the nanosecond, what is
	// whose to 10 ms; elsewhere both are as exact as ps is, 10 ms or a second.
	User, System time.Duration

	Resident     int64 // bytes of memory in RAM; what is shared with others counts in full
	PeakResident int64 // the most that Resident has been, as far as the system noticed
	Private      int64 // bytes in RAM that are no other process's
	Proportional int64 // Private, and of what is shared this process's part; the one to add up over processes
	Threads      int64 // that there are
	Files        int64 // open ones, sockets among them

	// Context switches of the threads that there are: because they waited, because others had their
	// turn.
	Voluntary, Involuntary int64

	// Writes counts calls of write, writev, pwrite and sendfile, to sockets as to files, also those
	// that had nothing written because a socket was full. It does not count send, sendto and
	// sendmsg: a server that uses these shows fewer. Written is how many bytes they were.
	Writes, Written int64

	Processes int64 // that were added up
}

// CPU returns the CPU time in all.
func (u Usage) CPU() time.Duration { return u.User + u.System }

// Sub returns how much more u is than what was before. What can become less, like memory, can be
// negative.
func (u Usage) Sub(before Usage) Usage { return u.plus(before, -1) }

// Add returns what both have used together.
func (u Usage) Add(v Usage) Usage { return u.plus(v, 1) }

// plus adds v so many times.
func (u Usage) plus(v Usage, times int64) Usage {
	return Usage{
		User: u.User + v.User*time.Duration(times), System: u.System + v.System*time.Duration(times),
		Resident: u.Resident + v.Resident*times, PeakResident: u.PeakResident + v.PeakResident*times,
		Private: u.Private + v.Private*times, Proportional: u.Proportional + v.Proportional*times,
		Threads: u.Threads + v.Threads*times, Files: u.Files + v.Files*times,
		Voluntary: u.Voluntary + v.Voluntary*times, Involuntary: u.Involuntary + v.Involuntary*times,
		Writes: u.Writes + v.Writes*times, Written: u.Written + v.Written*times,
		Processes: u.Processes + v.Processes*times,
	}
}

// Usage returns what the process has used until now. It is os.ErrProcessDone if it has ended. A
// call costs the process itself next to nothing, but for the memory, whose pages the system counts:
// some 15 ms a gigabyte, in which the process cannot map more.
func (p *Process) Usage() (Usage, error) { return p.ask(usageOf) }

// TreeUsage returns what the process and its descendants use together, for servers of many
// processes as PostgreSQL is. On Linux CPU time is also that of children which have ended and been
// waited for; all else is of those that there are. PeakResident adds up peaks that need not have
// been at the same time. A process whose parent has ended is nobody's descendant.
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

// descendants returns a process and all below it, parents before their children. parents has the
// parent of each process that there is.
func descendants(pid int, parents map[int]int) []int {
	children := map[int][]int{}
	for child, parent := range parents {
		children[parent] = append(children[parent], child)
	}
	family := []int{pid}
	for i := 0; i < len(family); i++ {
		family = append(family, children[family[i]]...)
		delete(children, family[i]) // should the table of processes have changed while it was read
	}
	return family
}
