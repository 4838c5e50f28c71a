package main

import (
	"os/exec"
	"syscall"
)

// bindToParent makes the kernel end the child when the benchmark itself is killed
// and cannot stop it.
func bindToParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
