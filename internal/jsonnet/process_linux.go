package jsonnet

import "syscall"

// apart gives a child its own process group, so that an interrupt at the terminal
// reaches only us, and has the kernel kill it when we die.
func apart() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
