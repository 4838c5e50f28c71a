package dbtest

import (
	"os/exec"
	"syscall"
)

// apply makes a process run as somebody, and end with its parent.
func (as identity) apply(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if as.other {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: as.uid, Gid: as.gid}
		cmd.Dir = as.home
	}
}
