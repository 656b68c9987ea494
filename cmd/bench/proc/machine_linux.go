package proc

import (
	"os"
	"strings"

	"github.com/parley-chat/parley/cmd/bench/report"
)

func describe(m *report.Machine) {
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		m.CPU = cpuModel(string(text), m.CPU)
	}
	if text, err := os.ReadFile("/proc/meminfo"); err == nil {
		m.Memory = uint64(max(parseFields(text)["MemTotal"], 0))
	}
	if text, err := os.ReadFile("/etc/os-release"); err == nil {
		m.OS = osName(string(text), m.OS)
	}
	if text, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.Kernel = "Linux " + strings.TrimSpace(string(text))
	}
}
