//go:build !linux

package proc

import "syscall"

// attributes are none: this system does not tie a process to the one that started it.
func attributes() *syscall.SysProcAttr { return nil }
