//go:build !linux

package proc

// birthOf checks that the process exists.
func birthOf(pid int) (birth, error) {
	_, err := psUsage(pid, false)
	return 0, err
}

func usageOf(pid int, _ birth) (Usage, error) { return psUsage(pid, false) }

func treeUsageOf(pid int, _ birth) (Usage, error) { return psUsage(pid, true) }
