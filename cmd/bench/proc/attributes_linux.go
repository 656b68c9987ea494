package proc

import "syscall"

// attributes makes the system kill the process when the thread that starts it ends, and keeps the
// terminal's signals from it.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
