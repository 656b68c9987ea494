package proc

import (
	"golang.org/x/sys/unix"

	"github.com/parley-chat/parley/cmd/bench/report"
)

func describe(m *report.Machine) {
	if name, err := unix.Sysctl("machdep.cpu.brand_string"); err == nil {
		m.CPU = name
	}
	if bytes, err := unix.SysctlUint64("hw.memsize"); err == nil {
		m.Memory = bytes
	}
	if version, err := unix.Sysctl("kern.osproductversion"); err == nil {
		m.OS = "macOS " + version
	}
	if release, err := unix.Sysctl("kern.osrelease"); err == nil {
		m.Kernel = "Darwin " + release
	}
}
